import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { freePort } from '../src/local/ports.ts'
import { AMPLE } from './http/ample.ts'
import { openWorld } from './http/world.ts'
import { SECRET } from './secret.ts'

/**
 * `npm run bench:workers`: what the parent of several workers costs. The processor time of the parent and of its two
 * workers together, for new connections with one request each, and for requests over connections that are kept.
 * Processor time, because it does not depend on what else the machine does. Argument: requests (5,000).
 */
const REQUESTS = Number(process.argv[2] ?? 5_000)
const AT_ONCE = 16
/** Of Linux: the unit of times in /proc. */
const TICKS_PER_SECOND = 100

const world = await openWorld()
if (!world) throw new Error('there is neither redis-server nor valkey-server on the PATH')
const port = await freePort()
const parent = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts'], {
  env: {
    ...{ ...process.env, ...AMPLE, JWT_SECRET: SECRET },
    ...{ DATABASE_URL: world.databaseUrl, REDIS_URL: world.redisUrl },
    ...{ WORKERS: '2', PORT: String(port), HOST: '127.0.0.1', LOG_LEVEL: 'warn' },
  },
  stdio: 'inherit',
})
const url = `http://127.0.0.1:${port}/health/live`
try {
  while (!(await areBothUp())) await new Promise((resolve) => setTimeout(resolve, 100))
  for (const [what, keepAlive] of [
    ['new connections', false],
    ['kept connections', true],
  ] as const) {
    const agent = new Agent({ keepAlive, maxSockets: AT_ONCE })
    await ask(agent, REQUESTS / 10)
    const before = times()
    await ask(agent, REQUESTS)
    const after = times()
    const each = (role: 'parent' | 'workers') =>
      `${(((after[role] - before[role]) * 1e6) / REQUESTS).toFixed(0)} µs of the ${role}`
    console.log(`${what}: ${each('parent')}, ${each('workers')} for each request`)
    agent.destroy()
  }
} finally {
  parent.kill('SIGTERM')
  await once(parent, 'exit')
  await world.close()
}

async function areBothUp(): Promise<boolean> {
  try {
    const answer = await fetch(url.replace('live', 'ready'))
    return (await answer.text()).includes('2 of 2 are up')
  } catch {
    return false
  }
}

async function ask(agent: Agent, count: number): Promise<void> {
  let left = count
  const loop = async () => {
    while (left-- > 0) {
      await new Promise<void>((resolve, reject) => {
        get(url, { agent }, (response) => response.resume().on('end', resolve)).on('error', reject)
      })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, loop))
}

/** Seconds of processor time. */
function times() {
  const pid = parent.pid ?? 0
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  const workers = children.reduce((sum, child) => sum + timeOf(child), 0)
  return { parent: timeOf(pid), workers }
}

function timeOf(pid: number | string): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}
