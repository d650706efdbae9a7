import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { cachedDataVersionTag } from 'node:v8'
import { constants, Script } from 'node:vm'

type Evaluate = (
  exports: object,
  require: NodeJS.Require,
  module: { exports: unknown },
  filename: string,
  dirname: string,
) => void

/** A CommonJS bundle, compiled: from V8's code cache where there is one for it, else from its text. */
export class CompiledBundle {
  /** Whether V8 took the cache. */
  readonly cached: boolean
  readonly #file: string
  readonly #cache: string
  readonly #script: Script

  /** @param file only ASCII, as esbuild writes it */
  constructor(file: string) {
    const bytes = readFileSync(file)
    this.#file = file
    this.#cache = cacheOf(file, bytes)
    const cachedData = readIfThere(this.#cache)
    this.#script = new Script(`(function(${PARAMETERS}){${bytes.toString('latin1')}\n})`, {
      filename: file,
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
      ...(cachedData && { cachedData }),
    })
    this.cached = this.#script.cachedDataRejected === false
  }

  /** What the bundle exports. */
  evaluate(dirname: string, require: NodeJS.Require): unknown {
    const module = { exports: {} }
    const evaluate = this.#script.runInThisContext() as Evaluate
    evaluate(module.exports, require, module, this.#file, dirname)
    return module.exports
  }

  /** Keeps what is compiled by now, so best after the bundle has run. Returns the file's name. */
  keep(): string {
    writeFileSync(this.#cache, this.#script.createCachedData())
    return this.#cache
  }
}

/** As Node has them for every CommonJS module. */
const PARAMETERS = 'exports,require,module,__filename,__dirname'

/**
 * V8 itself refuses the cache of another version, of other flags and of other CPUs, but of the source it
 * compares the length alone: so the text is in the name. Where nothing fits there is no file of that name.
 */
function cacheOf(file: string, bytes: Uint8Array): string {
  const text = createHash('sha256').update(bytes).digest('hex').slice(0, 16)
  return `${file}.${text}-${cachedDataVersionTag().toString(16)}.cache`
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch {
    return undefined
  }
}
