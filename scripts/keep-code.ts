import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { CompiledBundle } from '../src/code-cache.ts'

/** Leaves V8's code cache beside a bundle, with all that its evaluation compiles. Argument: its file. */
const [file = ''] = process.argv.slice(2)
const bundle = new CompiledBundle(file)
bundle.evaluate(dirname(file), createRequire(file))
bundle.keep()
// The bundle's libraries may have begun something.
process.exit()
