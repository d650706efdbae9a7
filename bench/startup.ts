import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../src/embedded/free-port.ts'
import { migrate } from '../src/ledger/migrate.ts'
import { isReady, openWorld, type World } from './http/world.ts'
import { report } from './report.ts'
import { compare, type Row } from './row.ts'

/**
 * `npm run bench:startup`, in milliseconds. In production: from the start of the built server to its being
 * ready, with Postgres and Redis up, beside an empty Node process and the look whether the database is up
 * to date; and its parts, as the server itself tells them, beside the whole. On one's own machine: from `npm start` to the first answer; cold, with an empty data folder, so
 * that Postgres is initialised, and warm, the second start. Argument: rounds (5).
 */
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const ROUNDS = Number(process.argv[2] ?? 5)

/** The last is what the server cannot know: how long the system took to begin it, and to be answered. */
const PARTS = ['node', 'code', 'settings', 'migrations', 'sessions', 'listening', 'answer'] as const

type Parts = Record<(typeof PARTS)[number], number>

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
  const ready: number[] = []
  const least: number[] = []
  const parts: Parts[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const port = await freePort()
    let told: Omit<Parts, 'answer'> | undefined
    const onLine = (line: string) => {
      told ??= (JSON.parse(line) as { took?: Omit<Parts, 'answer'> }).took
    }
    const took = await until(
      () => world.launch(port, [], onLine),
      // Not asked before: to be refused every other millisecond takes one of two cores.
      async () => told !== undefined && (await isReady(port)),
    )
    if (!told) throw new Error('the server did not say how long its start took')
    const empty = await timed(process.execPath, ['-e', '0'])
    const began = performance.now()
    await migrate(world.databaseUrl)
    // The first brings the database up to date, and builds the server.
    if (round === 0) continue
    ready.push(took)
    const known = Object.values(told).reduce((sum, part) => sum + part, 0)
    parts.push({ ...told, answer: took - known })
    least.push(empty + performance.now() - began)
  }
  const row = { unit: 'ms', direction: '≤' as const }
  return [
    compare({
      ...row,
      what: 'production, process start to ready',
      ours: ready,
      limit: { name: 'node -e 0 and the migrations’ check', rounds: least },
      goal: 1.6,
    }),
    ...PARTS.map((part) =>
      compare({
        ...row,
        what: `of it: ${part}`,
        ours: parts.map((round) => round[part]),
        limit: { name: 'the whole', rounds: ready },
      }),
    ),
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

/** Milliseconds from the start of a server until `done`; ends it. */
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

async function timed(command: string, args: string[]): Promise<number> {
  const began = performance.now()
  await once(spawn(command, args, { cwd: ROOT, stdio: 'ignore' }), 'close')
  return performance.now() - began
}
