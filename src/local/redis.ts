import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { sleep } from '../lib/timeout.ts'
import { chooseAccount, openDataFolder } from './data-folder.ts'
import { aboutFolder, EmbeddedError } from './errors.ts'
import {
  formatIdentity,
  identifyProcess,
  isRunning,
  lockFolder,
  parseIdentity,
  waitForEnd,
} from './folder-lock.ts'
import { freePort } from './ports.ts'

/** Holds the URL of the running Redis, for the command line. */
const URL_FILE = 'redis.url'

/** Returns the URL of the Redis that a server runs on this data folder. Undefined if none is running. */
export function runningRedis(dataFolder: string): string | undefined {
  const identity = parseIdentity(readOrEmpty(join(dataFolder, 'redis.pid')))
  return identity && isRunning(identity)
    ? readOrEmpty(join(dataFolder, URL_FILE)) || undefined
    : undefined
}

const STOP_TIMEOUT_MS = 5_000

export interface EmbeddedRedis {
  /** Loopback, with a password. */
  url: string
  /** Shown to a person: `redis-server 8.2.1`. */
  description: string
  pid: number
  close(): Promise<void>
}

export interface EmbeddedRedisOptions {
  /** Created if it is missing. Holds a lock, a pid file and a log, but no data. */
  dataDir: string
  log: Pick<Logger, 'info' | 'error'>
  /** Default: a free port. */
  port?: number
  /** Default: a new random password at every start. */
  password?: string
}

/**
 * Starts a private Redis or Valkey that stores nothing on disk. Null if neither is on the PATH.
 *
 * @throws FolderInUse while another server uses the folder
 * @throws EmbeddedError if it does not start
 */
export async function startRedis(options: EmbeddedRedisOptions): Promise<EmbeddedRedis | null> {
  try {
    return await start(options)
  } catch (error) {
    throw aboutFolder(error, options.dataDir)
  }
}

async function start(options: EmbeddedRedisOptions): Promise<EmbeddedRedis | null> {
  const { log, password = randomBytes(24).toString('hex') } = options
  const dataDir = openDataFolder(options.dataDir)
  const pidFile = join(dataDir, 'redis.pid')
  const unlock = lockFolder(join(dataDir, 'redis.lock'))
  try {
    if (await stopOrphan(pidFile)) {
      log.info('Stopped the Redis that an earlier, killed server had left running')
    }
    const port = options.port ?? (await freePort())
    const started = await spawnRedis({ port, password }, join(dataDir, 'redis.log'))
    if (!started) {
      unlock()
      return null
    }
    const identity = identifyProcess(started.pid)
    if (identity) writeFileSync(pidFile, formatIdentity(identity), { mode: 0o600 })
    const stop = supervise(started, log)
    const url = `redis://:${password}@127.0.0.1:${port}/0`
    writeFileSync(join(dataDir, URL_FILE), url, { mode: 0o600 })
    return {
      url,
      description: started.description,
      pid: started.pid,
      async close() {
        await stop()
        rmSync(pidFile, { force: true })
        rmSync(join(dataDir, URL_FILE), { force: true })
        unlock()
      },
    }
  } catch (error) {
    unlock()
    throw error
  }
}

/** Logs an unexpected end of Redis, and ends Redis with this process. Returns a function that stops it. */
function supervise({ child }: RedisProcess, log: Pick<Logger, 'error'>): () => Promise<void> {
  let closing = false
  const running = () => child.exitCode === null && child.signalCode === null
  const ended = running() ? once(child, 'exit') : Promise.resolve()
  // For a process.exit that skips the shutdown.
  const interrupt = () => child.kill('SIGTERM')
  process.once('exit', interrupt)
  ended.then(() => {
    process.off('exit', interrupt)
    if (!closing) log.error('The private Redis ended by itself')
  })
  child.unref()
  return async () => {
    closing = true
    child.ref()
    const identity = running() && child.pid ? identifyProcess(child.pid) : null
    child.kill('SIGTERM')
    if (identity && !(await waitForEnd(identity, STOP_TIMEOUT_MS))) child.kill('SIGKILL')
    await ended
  }
}

async function stopOrphan(pidFile: string): Promise<boolean> {
  const identity = parseIdentity(readOrEmpty(pidFile))
  if (!identity || !isRunning(identity)) return false
  process.kill(identity.pid, 'SIGTERM')
  if (!(await waitForEnd(identity, STOP_TIMEOUT_MS))) process.kill(identity.pid, 'SIGKILL')
  return true
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const PROGRAMS = ['redis-server', 'valkey-server']

const START_TIMEOUT_MS = 10_000

interface RedisAddress {
  port: number
  password: string
}

interface RedisProcess {
  child: ChildProcess
  pid: number
  /** Shown to a person: `redis-server 8.2.1`. */
  description: string
}

/** Starts the first of the programs that is on the PATH. Null if none is. */
async function spawnRedis(address: RedisAddress, logFile: string): Promise<RedisProcess | null> {
  for (const program of PROGRAMS) {
    const child = await launch(program, address, logFile)
    if (child) {
      const version = await becomesReady(child, address)
      if (version) return { child, pid: child.pid as number, description: `${program} ${version}` }
      child.kill('SIGKILL')
      const output = readFileSync(logFile, 'utf8').trim().split('\n').at(-1) ?? ''
      throw new EmbeddedError(
        `The private Redis did not start (${output}; log: ${logFile}): set REDIS_URL to use another one.`,
      )
    }
  }
  return null
}

/** Null if the program is not on the PATH. */
async function launch(
  program: string,
  address: RedisAddress,
  logFile: string,
): Promise<ChildProcess | null> {
  const log = openSync(logFile, 'w', 0o600)
  const child = spawn(program, ['-'], {
    cwd: '/',
    stdio: ['pipe', log, log],
    // In its own process group, so that Ctrl-C in the terminal reaches only this process.
    detached: true,
    windowsHide: true,
    ...chooseAccount(null),
  })
  closeSync(log)
  child.stdin?.on('error', () => {})
  // The configuration goes over stdin, so that no list of processes shows the password.
  child.stdin?.end(configuration(address))
  try {
    await once(child, 'spawn')
    return child
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EACCES') return null
    throw error
  }
}

function configuration({ port, password }: RedisAddress): string {
  return [
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`,
    'save ""',
    'appendonly no',
    'daemonize no',
    'databases 16',
    '',
  ].join('\n')
}

/** Waits for an answer and returns its version. Null if the process ended, or did not answer in time. */
async function becomesReady(child: ChildProcess, address: RedisAddress): Promise<string | null> {
  const deadline = performance.now() + START_TIMEOUT_MS
  while (child.exitCode === null && child.signalCode === null && performance.now() < deadline) {
    const version = await askVersion(address)
    if (version) return version
    await sleep(10)
  }
  return null
}

function askVersion({ port, password }: RedisAddress): Promise<string | null> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = createConnection(port, '127.0.0.1', () => {
      socket.write(`AUTH ${password}\r\nINFO server\r\nQUIT\r\n`)
    })
    socket.setTimeout(1000, () => socket.destroy())
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      const version = /^valkey_version:(\S+)/m.exec(answer) ?? /^redis_version:(\S+)/m.exec(answer)
      resolve(version?.[1] ?? null)
    })
  })
}
