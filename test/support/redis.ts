import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import pino from 'pino'
import { describe, inject, onTestFinished } from 'vitest'
import { formatIdentity, identifyProcess, waitForEnd } from '../../src/local/folder-lock.ts'
import { freePort } from '../../src/local/ports.ts'
import { type EmbeddedRedis, startRedis } from '../../src/local/redis.ts'
import { NO_REDIS, NO_REDIS_SERVER, NO_VALKEY } from './provided.ts'

/** A suite that is skipped, with the reason in the summary, where there is no real Redis. */
export function describeWithRedis(name: string, suite: () => void): void {
  describeIf(inject('redisUrl') !== null, NO_REDIS, name, suite)
}

/** The same for suites that call `startPrivateRedis`. */
export function describeWithPrivateRedis(name: string, suite: () => void): void {
  describeIf(inject('hasRedisServer'), NO_REDIS_SERVER, name, suite)
}

/** The same for suites that start Valkey itself. */
export function describeWithValkey(name: string, suite: () => void): void {
  describeIf(onPath('valkey-server'), NO_VALKEY, name, suite)
}

function onPath(program: string): boolean {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.some((folder) => existsSync(join(folder, program)))
}

function describeIf(condition: boolean, reason: string, name: string, suite: () => void): void {
  if (condition) describe(name, suite)
  else describe.skip(name, { meta: { skipReason: reason } }, suite)
}

/**
 * The Redis that all test files share, channels included: use user ids of your own. Keys are not shared
 * by files that run at the same time: each has a database number of its own.
 * Throws without one, so call it in hooks and tests of `describeWithRedis`, not while they are declared.
 */
export function redisUrl(): string {
  const url = inject('redisUrl')
  if (!url) throw new Error(`This test ${NO_REDIS}`)
  return new URL(`/${Number(process.env.VITEST_POOL_ID ?? 0) % 16}`, url).href
}

/** A Redis process of one test, which may break it. */
export interface PrivateRedis {
  /** Stays the same over a restart. */
  url: string
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** Comes back empty, on the same port, with the same password. Call `kill` first. */
  restart(): Promise<void>
  /** It keeps its connections and answers no command until `resume`. */
  pause(): void
  resume(): void
  close(): Promise<void>
}

export async function startPrivateRedis(): Promise<PrivateRedis> {
  const options = {
    dataDir: await mkdtemp(join(inject('runFolder'), 'redis-')),
    log: pino({ level: 'silent' }),
  }
  let redis = existing(await startRedis(options))
  const { url } = redis
  const { port, password } = new URL(url)
  const resume = () => signal(redis.pid, 'SIGCONT')
  return {
    url,
    async kill() {
      const life = identifyProcess(redis.pid)
      signal(redis.pid, 'SIGKILL')
      if (life) await waitForEnd(life, 10_000)
      await redis.close()
    },
    async restart() {
      redis = existing(await startRedis({ ...options, port: Number(port), password }))
    },
    pause: () => signal(redis.pid, 'SIGSTOP'),
    resume,
    async close() {
      resume()
      await redis.close()
    },
  }
}

/** A Redis with a configuration of its own, and an empty folder that it works in. */
export interface ConfiguredRedis {
  port: number
  folder: string
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** With the same port and folder. Call `kill` first. */
  restart(): Promise<void>
  /** It keeps its connections and answers nothing until `resume`. */
  pause(): void
  resume(): void
}

const PROGRAMS = ['redis-server', 'valkey-server']

/** What a program prints once it serves. */
const READY = { server: 'Ready to accept connections', sentinel: '+monitor master' }

/**
 * Starts one, and ends it with the test.
 * @param configuration lines of redis.conf
 * @param port default: a free one
 */
export async function startConfiguredRedis(
  configuration: readonly string[],
  port?: number,
  mode: keyof typeof READY = 'server',
  programs: readonly string[] = PROGRAMS,
): Promise<ConfiguredRedis> {
  const folder = mkdtempSync(join(inject('runFolder'), 'redis-'))
  const taken = port ?? (await freePort())
  const isTls = configuration.some((line) => line.startsWith('tls-cert-file'))
  const lines = [
    'bind 127.0.0.1',
    `dir ${folder}`,
    ...(isTls ? ['port 0', `tls-port ${taken}`] : [`port ${taken}`]),
    ...(mode === 'server' ? ['save ""'] : []),
    ...configuration,
    '',
  ]
  const file = join(folder, 'redis.conf')
  writeFileSync(file, lines.join('\n'))
  let child = await launch(file, mode, programs)
  onTestFinished(() => end(child))
  const redis: ConfiguredRedis = {
    port: taken,
    folder,
    kill: () => end(child),
    async restart() {
      child = await launch(file, mode, programs)
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  }
  return redis
}

async function launch(
  file: string,
  mode: keyof typeof READY,
  programs: readonly string[],
): Promise<ChildProcess> {
  const words = mode === 'sentinel' ? [file, '--sentinel'] : [file]
  for (const program of programs) {
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'ignore'] })
    if (!(await isReady(child, READY[mode]))) continue
    const life = identifyProcess(child.pid as number)
    if (life) writeFileSync(join(dirname(file), 'redis.pid'), formatIdentity(life))
    return child
  }
  throw new Error(`This test ${NO_REDIS_SERVER}`)
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  if (child.kill('SIGKILL')) await ended
}

/** False where there is no such program. */
async function isReady(child: ChildProcess, sign: string): Promise<boolean> {
  try {
    await once(child, 'spawn')
  } catch {
    return false
  }
  let said = ''
  for await (const text of child.stdout ?? []) {
    said += text
    if (!said.includes(sign)) continue
    child.stdout?.resume()
    return true
  }
  throw new Error(`Redis did not start: ${said}`)
}

function existing(redis: EmbeddedRedis | null): EmbeddedRedis {
  if (!redis) throw new Error(`This test ${NO_REDIS_SERVER}`)
  return redis
}

function signal(pid: number, name: NodeJS.Signals): void {
  if (identifyProcess(pid)) process.kill(pid, name)
}
