import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { cpus, loadavg, totalmem } from 'node:os'
import { packageRoot } from '../src/local/binaries.ts'

/** The machine of a run. A figure means nothing without it. */
export interface Machine {
  cpu: string
  cores: number
  memoryGb: number
  os: string
  node: string
  postgres: string
  /** Undefined if there is none. Figures that need it are missing then. */
  redis?: string
  revision: string
  /** The load average of the last minute before the run. */
  load: number
}

export function machine(): Machine {
  const redis =
    firstLine('redis-server', ['--version']) ?? firstLine('valkey-server', ['--version'])
  const [, version] = /v=(\S+)/.exec(redis ?? '') ?? []
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    os: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    postgres: postgresVersion(),
    ...(version !== undefined && { redis: version }),
    revision: revision(),
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  }
}

function postgresVersion(): string {
  const root = packageRoot(`${process.platform}-${process.arch}`)
  return createRequire(import.meta.url)(`${root}/package.json`).version
}

/** Ends in `-dirty` if the working tree differed from the commit. */
function revision(): string {
  const short = firstLine('git', ['rev-parse', '--short', 'HEAD'])
  if (short === undefined) return 'unknown'
  const changed = firstLine('git', ['status', '--porcelain', '--untracked-files=no'])
  return changed ? `${short}-dirty` : short
}

function firstLine(command: string, args: string[]): string | undefined {
  try {
    const stdio = ['ignore', 'pipe', 'ignore'] as const
    return execFileSync(command, args, { encoding: 'utf8', stdio: [...stdio] }).split('\n')[0]
  } catch {
    return undefined
  }
}
