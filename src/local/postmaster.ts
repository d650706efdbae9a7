import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  fchownSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { sleep } from '../lib/timeout.ts'
import { type Binaries, plainEnvironment } from './binaries.ts'
import type { Account } from './data-folder.ts'
import { EmbeddedError } from './errors.ts'
import { identifyProcess, type ProcessIdentity, readProc, waitForEnd } from './folder-lock.ts'
import { freePort } from './ports.ts'

/** For a start, and for a shutdown with a checkpoint. Afterwards Postgres is stopped without one. */
const POSTMASTER_TIMEOUT_MS = 20_000

export interface Postmaster {
  port: number
  pid: number
  /** Resolves when Postgres has ended for any reason. */
  ended: Promise<void>
  /** Fast shutdown: rolls back open transactions and writes a checkpoint. */
  stop(): Promise<void>
}

export interface PostmasterOptions {
  /** `<data folder>/postgres`. */
  home: string
  binaries: Binaries
  account: Account | null
  /** Postgres settings, by name. */
  settings: Record<string, string>
}

/** Starts Postgres on a free port, and waits until it accepts connections, after a crash recovery too. */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const deadline = performance.now() + POSTMASTER_TIMEOUT_MS
  for (;;) {
    const port = await freePort()
    const child = launch(options, port)
    if (await becomesReady(child, join(options.home, 'data')))
      return postmaster(child, port, options)
    const output = readFileSync(logPath(options.home), 'utf8')
    // Another program took the port, or the backends of a killed postmaster have not ended yet.
    const temporary = /Address already in use|still in use|another postmaster/.test(output)
    if (!temporary || performance.now() > deadline) throw startError(options, output)
    await sleep(100)
  }
}

/**
 * A payment allocates and frees about 300 kB in its session. By default glibc returns the top of the heap to the system
 * if more than 128 kB of it are free, so the next payment pays for page faults again. See mallopt(3). In bytes.
 */
const KEEP_FREED_MEMORY = {
  MALLOC_TRIM_THRESHOLD_: String(4 * 1024 * 1024),
  MALLOC_MMAP_THRESHOLD_: String(4 * 1024 * 1024),
}

function launch({ home, binaries, account, settings }: PostmasterOptions, port: number) {
  const all = {
    ...settings,
    listen_addresses: '127.0.0.1',
    port: String(port),
    // Only TCP, because the path of a socket is limited to 107 bytes, and a data folder may be deeper.
    unix_socket_directories: '',
  }
  const log = openSync(logPath(home), 'w', 0o600)
  try {
    if (account) fchownSync(log, account.uid, account.gid)
    return spawn(
      binaries.postgres,
      [
        '-D',
        join(home, 'data'),
        ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      {
        cwd: home,
        env: plainEnvironment && { ...plainEnvironment, ...KEEP_FREED_MEMORY },
        stdio: ['ignore', log, log],
        // In its own process group, so that Ctrl-C in the terminal reaches only this process.
        detached: true,
        windowsHide: true,
        ...account,
      },
    )
  } finally {
    closeSync(log)
  }
}

/** Resolves to false if the process ends before it is ready. */
async function becomesReady(child: ChildProcess, data: string): Promise<boolean> {
  let ended = false
  child.once('exit', () => {
    ended = true
  })
  child.once('error', () => {
    ended = true
  })
  while (!ended) {
    const file = readPidFile(data)
    if (file?.ready && file.pid === child.pid) return true
    await sleep(10)
  }
  return false
}

function postmaster(child: ChildProcess, port: number, options: PostmasterOptions): Postmaster {
  const pid = child.pid as number
  const ended =
    child.exitCode === null && child.signalCode === null
      ? once(child, 'exit').then(() => {})
      : Promise.resolve()
  // For a process.exit that skips the shutdown.
  const interrupt = () => interruptPostmaster(pid, options)
  process.once('exit', interrupt)
  ended.then(() => process.off('exit', interrupt))
  child.unref()
  return {
    port,
    pid,
    ended,
    async stop() {
      child.ref()
      if (child.exitCode === null && child.signalCode === null) interrupt()
      const identity = identifyProcess(pid)
      if (identity && !(await waitForEnd(identity, POSTMASTER_TIMEOUT_MS))) child.kill('SIGQUIT')
      await ended
    },
  }
}

function interruptPostmaster(
  pid: number,
  { home, binaries }: Pick<PostmasterOptions, 'home' | 'binaries'>,
): void {
  if (process.platform === 'win32') {
    spawnSync(binaries.pgCtl, ['stop', '-m', 'fast', '-D', join(home, 'data')])
    return
  }
  try {
    process.kill(pid, 'SIGINT')
  } catch {
    // It has ended in the meantime.
  }
}

export function readPidFile(data: string): { pid: number; port: number; ready: boolean } | null {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
    const pid = Number(lines[0])
    const ready = lines[7]?.trim() === 'ready'
    return pid > 0 ? { pid, port: Number(lines[3]), ready } : null
  } catch {
    return null
  }
}

function startError({ home, binaries }: PostmasterOptions, output: string): EmbeddedError {
  const lines = output.trim().split('\n')
  const reason = lines.findLast((line) => /FATAL|PANIC/.test(line)) ?? lines.at(-1) ?? ''
  return new EmbeddedError(
    `The private Postgres did not start (${reason.trim() || `${binaries.postgres} cannot be run`}; log: ${logPath(home)}): set DATABASE_URL to use another one.`,
  )
}

function logPath(home: string): string {
  return join(home, 'log')
}

/**
 * Stops a Postgres that a killed server left running on this data. Also removes a pid file if its pid belongs
 * to another program now, because Postgres would refuse to start.
 *
 * @returns whether a Postgres was stopped
 */
export async function stopOrphan(options: Omit<PostmasterOptions, 'settings'>): Promise<boolean> {
  const data = join(options.home, 'data')
  const file = readPidFile(data)
  const identity = file && identifyProcess(file.pid)
  if (!identity) return false
  const owner = ownerOf(identity, data)
  if (owner === 'stranger') rmSync(join(data, 'postmaster.pid'), { force: true })
  if (owner !== 'ours') return false
  interruptPostmaster(identity.pid, options)
  if (!(await waitForEnd(identity, POSTMASTER_TIMEOUT_MS))) {
    process.kill(identity.pid, 'SIGQUIT')
    await waitForEnd(identity, POSTMASTER_TIMEOUT_MS)
  }
  return true
}

/**
 * `ours` is a Postgres on this data, and `stranger` certainly is not. `unknown` is left untouched: Postgres
 * checks the pid file itself and refuses to start if in doubt. Two of them would destroy the data.
 */
function ownerOf({ pid }: ProcessIdentity, data: string): 'ours' | 'stranger' | 'unknown' {
  if (process.platform === 'linux') return ownerByArguments(linuxArguments(pid), data)
  if (process.platform === 'win32') return 'ours'
  const { stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
  if (stdout.includes(`-D ${data}`)) return 'ours'
  return stdout && !stdout.includes('postgres') ? 'stranger' : 'unknown'
}

function ownerByArguments(args: string[], data: string): 'ours' | 'stranger' | 'unknown' {
  const [program] = args
  if (!program) return 'unknown'
  const folder = args[args.indexOf('-D') + 1]
  if (basename(program) !== 'postgres' || folder === undefined) return 'stranger'
  if (!existsSync(folder)) return 'unknown'
  return realpathSync(folder) === realpathSync(data) ? 'ours' : 'stranger'
}

/** Reads the command line, because root in a container may not read /proc/<pid>/cwd of another account. */
function linuxArguments(pid: number): string[] {
  try {
    return readProc(`/proc/${pid}/cmdline`).split('\0')
  } catch {
    return []
  }
}
