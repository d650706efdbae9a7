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
import {
  formatIdentity,
  identifyProcess,
  isRunning,
  parseIdentity,
} from '../../src/local/folder-lock.ts'

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
  const life = identifyProcess(process.pid)
  if (life) writeFileSync(join(path, 'run'), formatIdentity(life))
  // An interrupted vitest exits without a teardown.
  const clear = () => clearAway(path)
  process.once('exit', clear)
  return {
    path,
    async remove() {
      process.off('exit', clear)
      clear()
    },
  }
}

function clearIfAbandoned(path: string): void {
  const file = join(path, 'run')
  const life = existsSync(file) ? parseIdentity(readFileSync(file, 'utf8')) : null
  if (life && !isRunning(life)) clearAway(path)
}

function clearAway(path: string): void {
  killProcesses(path)
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 5 })
  } catch {
    // An ending process has just written there: the next run clears up.
  }
}

/** Kills every Postgres and Redis whose pid file lies in this folder, however deep. */
function killProcesses(path: string): void {
  if (!existsSync(path)) return
  for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' })) {
    const text = () => textOf(join(path, name))
    if (name.endsWith('redis.pid')) {
      const redis = parseIdentity(text())
      if (redis && isRunning(redis)) process.kill(redis.pid, 'SIGKILL')
    }
    if (name.endsWith('postmaster.pid')) {
      const pid = Number.parseInt(text(), 10)
      // The command line names the folder, so this cannot be another process with a reused pid.
      if (textOf(`/proc/${pid}/cmdline`).includes(path)) process.kill(pid, 'SIGQUIT')
    }
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
