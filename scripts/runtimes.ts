import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../src/lib/package-root.ts'
import { run } from './run.ts'

/** The versions that CI tests. The machine's own Node is tested too. */
export const NEWEST_NODE = '26.12.1'
const DENO = '2.9.6'
const BUN = '1.4.5'

/** A JavaScript runtime, and how it starts a program of this repository, whose file follows. */
export interface Runtime {
  /** `Node`, `Deno` or `Bun`; `Deno.serve` or `Bun.serve` for a server without Node's `http`. */
  name: string
  version: string
  /** The server. */
  program: string
  command: string[]
  /** The same for a server that starts a Postgres of its own. */
  embedded: string[]
}

const { platform, arch } = process
/** What the packages of Deno and Bun call the platform. */
const DENO_PLATFORM = `${platform}-${arch}${platform === 'linux' ? '-glibc' : ''}`
const BUN_PLATFORM = `${platform}-${arch === 'arm64' ? 'aarch64' : arch}`

const ESBUILD = `node_modules/@esbuild/${platform}-${arch}/bin/esbuild`
const allow = (...names: string[]) => names.map((name) => `--allow-${name}`)

/** As the guide has them; `embedded` also as deno.json has them, but for any data folder. */
const DENO_PERMISSIONS = {
  // The wallet page is built from its sources in a checkout.
  command: allow('net', 'env', 'read', 'sys', `run=${ESBUILD}`),
  embedded: allow('net', 'env', 'read', 'sys', 'run', 'write'),
}

const STARTS: Record<string, (program: string) => Pick<Runtime, 'command' | 'embedded'>> = {
  Node: (program) => same([program, '--import', 'tsx']),
  Deno: (program) => ({
    command: [program, 'run', ...DENO_PERMISSIONS.command],
    embedded: [program, 'run', ...DENO_PERMISSIONS.embedded],
  }),
  Bun: (program) => same([program]),
}

const same = (command: string[]) => ({ command, embedded: command })

/** The runtime of a program. */
export function runtimeAt(name: string, program: string): Runtime {
  const { stdout, error } = spawnSync(program, ['--version'], { encoding: 'utf8' })
  if (error) throw error
  const [version = 'unknown'] = /\d+\.\d+\.\d+\S*/.exec(stdout) ?? []
  return { name, version, program: 'src/main.ts', ...(STARTS[name]?.(program) ?? same([program])) }
}

/** The same runtime, serving by its own server. */
const serving = ({ name, ...runtime }: Runtime): Runtime => ({
  ...runtime,
  name: `${name}.serve`,
  program: `examples/edge/${name.toLowerCase()}.ts`,
})

/** The runtime that runs this process. */
export function currentRuntime(): Runtime {
  const { deno, bun } = process.versions
  return runtimeAt(deno ? 'Deno' : bun ? 'Bun' : 'Node', process.execPath)
}

/**
 * Installs a runtime from npm into the cache of `node_modules`, apart from the dependencies: each has about 100 MB.
 * @param wanted `node` (the one that runs this process), `node@<version>`, `deno`, `bun`, `deno.serve` or `bun.serve`,
 *   these also with a version
 */
export function runtimeFor(wanted: string): Runtime {
  const [kind = '', version] = wanted.split('@', 2)
  if (kind.endsWith('.serve')) return serving(runtimeFor(wanted.replace('.serve', '')))
  if (wanted === 'node') return runtimeAt('Node', process.execPath)
  if (kind === 'node') return runtimeAt('Node', installedNode(version ?? NEWEST_NODE))
  if (kind === 'deno') {
    return runtimeAt('Deno', installed(`@deno/${DENO_PLATFORM}`, version ?? DENO, 'deno'))
  }
  if (kind === 'bun') {
    return runtimeAt('Bun', installed(`@oven/bun-${BUN_PLATFORM}`, version ?? BUN, 'bin/bun'))
  }
  throw new Error(`${wanted}: name node, node@<version>, deno, bun, deno.serve or bun.serve`)
}

/** The program of another Node. */
export function installedNode(version: string): string {
  const system = platform === 'win32' ? 'win' : platform
  return installed(`node-${system}-${arch}`, version, 'bin/node')
}

function installed(name: string, version: string, program: string): string {
  const folder = join(PACKAGE_ROOT, 'node_modules/.cache/runtimes', `${name}@${version}`)
  run('npm', [
    ...['install', '--prefix', folder, '--no-save', '--no-package-lock', '--no-audit', '--no-fund'],
    ...['--ignore-scripts', '--prefer-offline', '--loglevel', 'error', `${name}@${version}`],
  ])
  return join(folder, 'node_modules', name, program)
}
