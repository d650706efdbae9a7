import { spawn } from 'node:child_process'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/**
 * `npm run bench:startup`: from `npm start` to the first answer, in milliseconds. Cold: an empty data
 * folder, so that Postgres is initialised. Warm: the second start. Beside them what npm and an empty
 * Node process take on this machine, which no server can do without.
 */
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const ROUNDS = 5

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** Milliseconds until `/health/live` answers; ends the server. */
async function start(dataDir: string, port: number): Promise<number> {
  const began = performance.now()
  const server = spawn('npm', ['start', '--silent'], {
    cwd: ROOT,
    env: { ...process.env, DATA_DIR: dataDir, PORT: String(port), DRAIN_SECONDS: '0' },
    stdio: 'ignore',
  })
  const ended = new Promise<void>((resolve) => server.once('close', () => resolve()))
  try {
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${port}/health/live`).catch(() => undefined)
      if (answer?.ok) return performance.now() - began
      if (server.exitCode !== null) throw new Error(`npm start ended with ${server.exitCode}`)
      await sleep(5)
    }
  } finally {
    server.kill('SIGTERM')
    await ended
  }
}

async function timed(command: string, args: string[]): Promise<number> {
  const began = performance.now()
  const child = spawn(command, args, { cwd: ROOT, stdio: 'ignore' })
  await new Promise((resolve) => child.once('close', resolve))
  return performance.now() - began
}

const cold: number[] = []
const warm: number[] = []
const node: number[] = []
const npm: number[] = []
for (let round = 0; round < ROUNDS; round += 1) {
  const dataDir = await mkdtemp(join(tmpdir(), 'livebalance-bench-'))
  await chmod(dataDir, 0o755)
  const port = 20_000 + Math.floor(Math.random() * 10_000)
  cold.push(await start(dataDir, port))
  warm.push(await start(dataDir, port))
  node.push(await timed(process.execPath, ['-e', '0']))
  npm.push(await timed('npm', ['--version']))
  await rm(dataDir, { recursive: true, force: true })
}

console.log(`Start to first answer, ms (median of ${ROUNDS}; all)`)
for (const [what, values, goal] of [
  ['cold, with initdb', cold, 'goal 4000'],
  ['warm', warm, 'goal 2000'],
  ['npm --version', npm, 'part of both'],
  ['node -e 0', node, 'part of both'],
] as const) {
  const all = values.map((value) => value.toFixed(0)).join(' ')
  console.log(
    `${what.padEnd(20)}${median([...values])
      .toFixed(0)
      .padStart(6)}   (${all})   ${goal}`,
  )
}
