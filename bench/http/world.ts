import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pino from 'pino'
import { bundle, bundleServer } from '../../scripts/bundle-server.ts'
import { ShutdownStack } from '../../src/lib/shutdown-stack.ts'
import { freePort } from '../../src/local/ports.ts'
import { startPostgres } from '../../src/local/postgres.ts'
import { startRedis } from '../../src/local/redis.ts'
import { report } from '../report.ts'
import { SECRET } from '../secret.ts'
import { AMPLE } from './ample.ts'

/** The command line of the image. */
const NODE_FLAGS = ['--max-semi-space-size=32', '--no-parallel-scavenge']

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** The surroundings of a server under measurement: its own Postgres and Redis, with the settings of embedded mode. */
export interface World {
  databaseUrl: string
  redisUrl: string
  /** Starts the built server. Resolves with its port once it is ready. */
  server(nodeArgs?: string[]): Promise<number>
  /** Starts the built server at this port and does not wait. Variables may differ from those of the others. */
  launch(port: number, nodeArgs?: string[], env?: Record<string, string>): Promise<ChildProcess>
  /** Starts a bundle of the server's libraries that only connects and listens at this port. */
  launchBare(port: number): Promise<ChildProcess>
  /** Starts a script of the benchmark that prints its port. */
  bare(script: URL, args: string[], env?: Record<string, string>): Promise<number>
  close(): Promise<void>
}

/** Measures in its own world. If there is none, it reports the reason in place of figures. */
export async function inWorld(
  bench: string,
  measure: (world: World) => Promise<void>,
  settings: Record<string, string> = {},
): Promise<void> {
  const world = await openWorld(settings)
  if (!world) {
    report(bench, [], ['there is neither redis-server nor valkey-server on the PATH'])
    return
  }
  try {
    await measure(world)
  } finally {
    await world.close()
  }
}

/** Undefined if there is no Redis. */
export async function openWorld(settings: Record<string, string> = {}): Promise<World | undefined> {
  const releases = new ShutdownStack()
  const folder = mkdtempSync(join(tmpdir(), 'livebalance-bench-'))
  chmodSync(folder, 0o755)
  releases.add(() => rm(folder, { recursive: true, force: true }))
  const log = pino({ level: 'silent' })
  const redis = await startRedis({ dataDir: folder, log })
  if (!redis) {
    await releases.run()
    return undefined
  }
  releases.add(() => redis.close())
  const postgres = await startPostgres({ dataDir: folder, log, settings })
  releases.add(() => postgres.close())
  // A benchmark that fails leaves no process behind.
  const running = new Set<ChildProcess>()
  process.once('exit', () => {
    for (const child of running) child.kill('SIGKILL')
  })
  const start = (args: string[], env: Record<string, string>): ChildProcess => {
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    running.add(child)
    child.once('exit', () => running.delete(child))
    releases.add(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    })
    return child
  }
  const environment = (port: number) => ({
    DATABASE_URL: postgres.ownerUrl,
    REDIS_URL: redis.url,
    JWT_SECRET: SECRET,
    LOG_LEVEL: 'warn',
    NODE_ENV: 'production',
    // Rate limits are counted as in production, but are never reached.
    ...AMPLE,
    // Receivers are on this machine.
    WEBHOOK_ALLOW_PRIVATE: 'true',
    PORT: String(port),
    HOST: '127.0.0.1',
    DRAIN_SECONDS: '0',
  })
  const launchBuilt = (port: number, args: string[], env: Record<string, string> = {}) => {
    const child = start([...NODE_FLAGS, ...args], { ...environment(port), ...env })
    child.stdout?.pipe(process.stderr)
    return child
  }
  const built = join(folder, 'built')
  let building: Promise<unknown> | undefined
  const launch: World['launch'] = async (port, nodeArgs = [], env = {}) => {
    building ??= bundleServer(built)
    await building
    return launchBuilt(port, [...nodeArgs, join(built, 'src/main.js')], env)
  }
  const bareBuilt = join(folder, 'bare')
  let buildingBare: Promise<unknown> | undefined
  const launchBare: World['launchBare'] = async (port) => {
    buildingBare ??= bundle(['bench/http/bare-start.ts'], bareBuilt, 'bench/http').then(() =>
      writeFile(join(bareBuilt, 'package.json'), '{"type":"module"}'),
    )
    await buildingBare
    return launchBuilt(port, [join(bareBuilt, 'bare-start.js')])
  }
  return {
    databaseUrl: postgres.ownerUrl,
    redisUrl: redis.url,
    launch,
    launchBare,
    async server(nodeArgs) {
      const port = await freePort()
      const child = await launch(port, nodeArgs)
      while (!(await isReady(port))) {
        if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`)
        await sleep(20)
      }
      return port
    },
    async bare(script, args, env = {}) {
      const child = start(['--import', 'tsx', fileURLToPath(script), ...args], env)
      const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
      return Number(String(line))
    },
    close: () => releases.run(),
  }
}

export async function isReady(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/health/ready`).catch(() => undefined)
  return answer?.ok === true
}
