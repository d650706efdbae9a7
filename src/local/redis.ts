import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { openDataFolder } from './data-folder.ts'
import { aboutFolder } from './error.ts'
import { lockFolder } from './folder-lock.ts'
import { freePort } from './free-port.ts'
import { isRunning, lifeOf, readLife, waitForEnd, writeLife } from './process-life.ts'
import { type RedisProcess, spawnRedis } from './redis-process.ts'

/** Where the running Redis is, for the command line. */
const URL_FILE = 'redis.url'

/** The address of the Redis that a server runs on this data folder; undefined where none is running. */
export function runningRedis(dataFolder: string): string | undefined {
  const life = readLife(textOf(join(dataFolder, 'redis.pid')))
  return life && isRunning(life) ? textOf(join(dataFolder, URL_FILE)) || undefined : undefined
}

/** ms that a Redis gets to end when asked. */
const PATIENCE = 5_000

export interface EmbeddedRedis {
  /** Loopback, with a password. */
  url: string
  /** For a person: `redis-server 8.2.1`. */
  description: string
  pid: number
  close(): Promise<void>
}

export interface EmbeddedRedisOptions {
  /** Created where it is missing. Holds a lock, a pid file and a log, no data. */
  dataDir: string
  log: Pick<Logger, 'info' | 'error'>
  /** Default: a free one. */
  port?: number
  /** Default: a new random one at every start. */
  password?: string
}

/**
 * A private Redis or Valkey that keeps nothing on disk; `null` where the PATH has neither.
 * Throws `FolderInUse` while another server has the folder, `EmbeddedError` when it does not come up.
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
    const life = lifeOf(started.pid)
    if (life) writeFileSync(pidFile, writeLife(life), { mode: 0o600 })
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

/** Says so when Redis ends unasked, and ends it with this process. Returns the stop. */
function supervise({ child }: RedisProcess, log: Pick<Logger, 'error'>): () => Promise<void> {
  let closing = false
  const running = () => child.exitCode === null && child.signalCode === null
  const ended = running() ? once(child, 'exit') : Promise.resolve()
  // The last resort for a process.exit that skipped the shutdown.
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
    const life = running() && child.pid ? lifeOf(child.pid) : null
    child.kill('SIGTERM')
    if (life && !(await waitForEnd(life, PATIENCE))) child.kill('SIGKILL')
    await ended
  }
}

async function stopOrphan(pidFile: string): Promise<boolean> {
  const life = readLife(textOf(pidFile))
  if (!life || !isRunning(life)) return false
  process.kill(life.pid, 'SIGTERM')
  if (!(await waitForEnd(life, PATIENCE))) process.kill(life.pid, 'SIGKILL')
  return true
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
