import { spawnSync } from 'node:child_process'
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { sleep } from '../lib/timeout.ts'
import { EmbeddedError, FolderInUse } from './errors.ts'

/** Identifies one process. A pid is not enough, because the system uses it again for another process. */
export interface ProcessIdentity {
  pid: number
  /** Differs between two processes that had the same pid. */
  start: string
}

/** Identifies the process that has this pid now. Null if there is none, or only a zombie. */
export function identifyProcess(pid: number): ProcessIdentity | null {
  const start = process.platform === 'linux' ? linuxStart(pid) : portableStart(pid)
  return start === null ? null : { pid, start }
}

export function isRunning(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.start === identity.start
}

/** Resolves to false if the process still runs after `timeoutMs`. */
export async function waitForEnd(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  while (isRunning(identity)) {
    if (performance.now() > deadline) return false
    await sleep(10)
  }
  return true
}

/** Writes the text of a pid file. */
export function formatIdentity(identity: ProcessIdentity): string {
  return `${identity.pid} ${identity.start}\n`
}

export function parseIdentity(text: string): ProcessIdentity | null {
  const [, pid, start] = /^(\d+) (.+)\n/.exec(text) ?? []
  return pid && start ? { pid: Number(pid), start } : null
}

function linuxStart(pid: number): string | null {
  try {
    const stat = readProc(`/proc/${pid}/stat`)
    // The name in parentheses may hold any character. After it, the state is field 0 and the start time field 19.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return null
    const boot = readProc('/proc/sys/kernel/random/boot_id').trim()
    return `${fields[19]}@${boot}`
  } catch {
    return null
  }
}

/**
 * Reads a file below `/proc`. Deno lets only a program with all permissions open one, and any program that may be run
 * can read it.
 */
export function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as Error).name !== 'NotCapable') throw error
    const { stdout, status } = spawnSync('cat', [path], { encoding: 'utf8' })
    if (status !== 0) throw error
    return stdout
  }
}

function portableStart(pid: number): string | null {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return null
  }
  if (process.platform === 'win32') return 'running'
  const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout?.trim() || null
}

/**
 * Takes the lock file `path` for this process. The lock of a killed process is taken over.
 *
 * @returns a function that releases the lock
 * @throws FolderInUse while another process holds it
 */
export function lockFolder(path: string): () => void {
  const identity = identifyProcess(process.pid)
  if (!identity) throw new EmbeddedError('This process cannot be identified.')
  const own = `${path}.${process.pid}`
  // A link appears with complete content, so that no process reads half a lock.
  writeFileSync(own, formatIdentity(identity), { mode: 0o600 })
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      if (linked(own, path)) return releaser(path)
      const text = readOrNull(path)
      if (text === null) continue
      const holder = parseIdentity(text)
      if (holder && isRunning(holder)) throw new FolderInUse(dirname(path), holder.pid)
      setAside(path, text)
    }
  } finally {
    rmSync(own, { force: true })
  }
  throw new EmbeddedError(`The lock ${path} is contended: try again.`)
}

/** Removes the lock of a dead process, unless another process has taken it over in the meantime. */
function setAside(path: string, stale: string): void {
  const aside = `${path}.${process.pid}.stale`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  if (readOrNull(aside) !== stale) linked(aside, path)
  rmSync(aside, { force: true })
}

/** Works once, because a second call must not release a lock that this process has taken again. */
function releaser(path: string): () => void {
  let held = true
  return () => {
    if (held) rmSync(path, { force: true })
    held = false
  }
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
