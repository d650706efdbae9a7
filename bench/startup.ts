import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../src/local/ports.ts'
import { isReady, openWorld, type World } from './http/world.ts'
import { report } from './report.ts'
import { compare, type Row } from './row.ts'

/**
 * `npm run bench:startup`, in milliseconds. Production: from the start of the built server until it is ready, with
 * Postgres and Redis running, beside a bundle of the same libraries that only connects and listens. Development: from
 * `npm start` to the first answer. Cold: with an empty data folder, so that Postgres is initialised. Warm: the second
 * start. Argument: rounds (5).
 */
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const ROUNDS = Number(process.argv[2] ?? 5)

const rows: Row[] = []
const skipped: string[] = []
const world = await openWorld()
if (world) {
  try {
    rows.push(...(await inProduction(world)))
  } finally {
    await world.close()
  }
} else {
  skipped.push('in production: there is neither redis-server nor valkey-server on the PATH')
}
rows.push(...(await onOnesOwn()))
report('startup', rows, skipped)

async function inProduction(world: World): Promise<Row[]> {
  const ours: number[] = []
  const bare: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const port = await freePort()
    const took = await until(
      () => world.launch(port),
      () => isReady(port),
    )
    const barePort = await freePort()
    const bareTook = await until(
      () => world.launchBare(barePort),
      () => isReady(barePort),
    )
    // The first start migrates the database and builds both bundles.
    if (round === 0) continue
    ours.push(took)
    bare.push(bareTook)
  }
  return [
    compare({
      unit: 'ms',
      direction: '≤',
      what: 'production, process start to ready',
      ours,
      limit: { name: 'a bare bundle of the same libraries', rounds: bare },
      goal: 1.3,
    }),
  ]
}

async function onOnesOwn(): Promise<Row[]> {
  const cold: number[] = []
  const warm: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const dataDir = await mkdtemp(join(tmpdir(), 'livebalance-bench-'))
    await chmod(dataDir, 0o755)
    cold.push(await npmStart(dataDir))
    warm.push(await npmStart(dataDir))
    await rm(dataDir, { recursive: true, force: true })
  }
  const promised = (ms: number) => ({ name: 'promised', rounds: cold.map(() => ms) })
  const row = { unit: 'ms', direction: '≤' as const, goal: 1 }
  return [
    compare({ ...row, what: 'npm start, cold', ours: cold, limit: promised(3_000) }),
    compare({ ...row, what: 'npm start, warm', ours: warm, limit: promised(2_000) }),
  ]
}

async function npmStart(dataDir: string): Promise<number> {
  const port = await freePort()
  const start = async () =>
    spawn('npm', ['start', '--silent'], {
      cwd: ROOT,
      env: { ...process.env, DATA_DIR: dataDir, PORT: String(port), DRAIN_SECONDS: '0' },
      stdio: 'ignore',
    })
  return until(start, () => answers(port))
}

/** Milliseconds from the start of a server until `done`. Ends the server. */
async function until(
  start: () => ReturnType<World['launch']>,
  done: () => Promise<boolean>,
): Promise<number> {
  const began = performance.now()
  const server = await start()
  const ended = once(server, 'close')
  try {
    while (!(await done())) {
      if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`)
      await sleep(2)
    }
    return performance.now() - began
  } finally {
    server.kill('SIGTERM')
    await ended
  }
}

async function answers(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/health/live`).catch(() => undefined)
  return answer?.ok === true
}
