import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, fchownSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'
import { EmbeddedError } from './error.ts'
import { freePort } from './free-port.ts'
import { plainEnvironment } from './plain-environment.ts'
import { lifeOf, waitForEnd } from './process-life.ts'

/** ms that Postgres gets for a shutdown with a checkpoint, before one that leaves it to recovery. */
export const PATIENCE = 20_000

export interface Postmaster {
  port: number
  pid: number
  /** Resolves when Postgres ended, asked or not. */
  ended: Promise<void>
  /** Fast shutdown: open transactions are rolled back, a checkpoint is written. */
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

/** Starts Postgres on a free port and waits until it takes connections, crash recovery included. */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const deadline = performance.now() + PATIENCE
  for (;;) {
    const port = await freePort()
    const child = launch(options, port)
    if (await becomesReady(child, join(options.home, 'data')))
      return postmaster(child, port, options)
    const complaint = readFileSync(logOf(options.home), 'utf8')
    // The port was lost to another program, or backends of a killed postmaster are still leaving.
    const passing = /Address already in use|still in use|another postmaster/.test(complaint)
    if (!passing || performance.now() > deadline) throw refusedToStart(options, complaint)
    await sleep(100)
  }
}

function launch({ home, binaries, account, settings }: PostmasterOptions, port: number) {
  const all = {
    ...settings,
    listen_addresses: '127.0.0.1',
    port: String(port),
    // TCP alone: a socket's path may be 107 bytes long at most, and a data folder may lie deeper.
    unix_socket_directories: '',
  }
  const log = openSync(logOf(home), 'w', 0o600)
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
        env: plainEnvironment,
        stdio: ['ignore', log, log],
        // A process group of its own: Ctrl-C in the terminal reaches us alone, and we shut it down.
        detached: true,
        windowsHide: true,
        ...account,
      },
    )
  } finally {
    closeSync(log)
  }
}

/** `false` when it ended instead. */
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
  // The last resort for a process.exit that skipped the shutdown.
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
      const life = lifeOf(pid)
      if (life && !(await waitForEnd(life, PATIENCE))) child.kill('SIGQUIT')
      await ended
    },
  }
}

export function interruptPostmaster(
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
    // It has just ended by itself.
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

function refusedToStart({ home, binaries }: PostmasterOptions, complaint: string): EmbeddedError {
  const lines = complaint.trim().split('\n')
  const reason = lines.findLast((line) => /FATAL|PANIC/.test(line)) ?? lines.at(-1) ?? ''
  return new EmbeddedError(
    `The private Postgres did not start (${reason.trim() || `${binaries.postgres} cannot be run`}; log: ${logOf(home)}): set DATABASE_URL to use another one.`,
  )
}

function logOf(home: string): string {
  return join(home, 'log')
}
