import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isRunning, lifeOf, readLife, writeLife } from '../../src/embedded/process-life.ts'

const PREFIX = 'livebalance-test-'

export interface RunFolder {
  path: string
  remove(): Promise<void>
}

/**
 * A folder for this run, which test processes may enter under any account. What an earlier run left
 * behind because it was killed, processes included, is cleared away first.
 */
export function openRunFolder(): RunFolder {
  for (const name of readdirSync(tmpdir())) {
    if (name.startsWith(PREFIX)) clearIfAbandoned(join(tmpdir(), name))
  }
  const path = mkdtempSync(join(tmpdir(), PREFIX))
  chmodSync(path, 0o711)
  const life = lifeOf(process.pid)
  if (life) writeFileSync(join(path, 'run'), writeLife(life))
  // An interrupted vitest exits without a teardown, and its workers' own Redis servers would stay.
  const killAll = () => killProcesses(path)
  process.once('exit', killAll)
  return {
    path,
    async remove() {
      process.off('exit', killAll)
      killAll()
      rmSync(path, { recursive: true, force: true })
    },
  }
}

function clearIfAbandoned(path: string): void {
  const file = join(path, 'run')
  const life = existsSync(file) ? readLife(readFileSync(file, 'utf8')) : null
  if (!life || isRunning(life)) return
  killProcesses(path)
  rmSync(path, { recursive: true, force: true })
}

/** Kills every Postgres and Redis that has its pid file in this folder or one below. */
function killProcesses(path: string): void {
  for (const folder of [path, ...foldersIn(path)]) {
    const redis = readLife(textOf(join(folder, 'redis.pid')))
    if (redis && isRunning(redis)) process.kill(redis.pid, 'SIGKILL')
    const postgres = Number.parseInt(textOf(join(folder, 'postgres', 'data', 'postmaster.pid')), 10)
    // The command line names the folder, so this cannot be another process with a reused pid.
    if (postgres > 0 && textOf(`/proc/${postgres}/cmdline`).includes(folder)) {
      process.kill(postgres, 'SIGQUIT')
    }
  }
}

function foldersIn(path: string): string[] {
  if (!existsSync(path)) return []
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(path, entry.name))
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
