import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import pino from 'pino'
import { parseRedisAddress } from '../../src/config/redis-address.ts'
import type { LedgerEvent } from '../../src/ledger/event.ts'
import { RedisBus } from '../../src/realtime/bus/redis-bus.ts'
import { inWorld, type World } from '../http/world.ts'
import { report } from '../report.ts'
import { compare, figure, type Row } from '../row.ts'
import { EPOCH, NO_CHANGES } from './store.ts'

/**
 * `npm run bench:fanout`: what events of strangers cost a process, if an installation has 1 to 16 processes with equally
 * many users each. One process is real; the others are left out, because they cost it nothing but their users' events.
 * Beside the shards, the single channel that every process hears. Arguments: users of each process (200), events (40,000),
 * rounds (3).
 */
const USERS = Number(process.argv[2] ?? 200)
const EVENTS = Number(process.argv[3] ?? 40_000)
const ROUNDS = Number(process.argv[4] ?? 3)
const PROCESSES = [1, 4, 16]
const SHARDS = [1024, 16_384]
/** Events before those that count, until the code is compiled. */
const WARM_UP = 20_000
/** Events that one script publishes. */
const BATCH = 100

await inWorld('fanout', measure)

/** Of the listening process. */
interface Heard {
  cpuUs: number
  messages: number
  own: number
  ms: number
}

async function measure(world: World): Promise<void> {
  const rows: Row[] = []
  // What the events of its own users cost, is the cost of a process that hears nothing else.
  const alone = new Map<number, number>()
  for (const processes of PROCESSES) {
    const rounds = new Map([1, ...SHARDS].map((shards) => [shards, [] as Heard[]]))
    for (let round = 0; round < ROUNDS; round++) {
      for (const [shards, heard] of rounds) heard.push(await listen(world, processes, shards))
    }
    const cpu = (shards: number) => rounds.get(shards)?.map(({ cpuUs }) => cpuUs / EVENTS) ?? []
    if (processes === 1)
      for (const shards of rounds.keys()) alone.set(shards, figure(cpu(shards)).median)
    const foreign = 1 - 1 / processes
    const ofStrangers = (shards: number) =>
      cpu(shards).map((us) => Math.max(0, us - (alone.get(shards) ?? 0) / processes) / foreign)
    for (const shards of SHARDS) {
      const of = `${processes} × ${USERS} users in ${shards} shards`
      rows.push(
        compare({
          ...{ what: `${of}: CPU for each event`, unit: 'µs', direction: '≤' },
          ...{ ours: cpu(shards), limit: { name: 'one channel', rounds: cpu(1) } },
        }),
      )
      if (processes === 1) continue
      rows.push(
        compare({
          ...{ what: `${of}: CPU for an event of a stranger`, unit: 'µs', direction: '≤' },
          ...{ ours: ofStrangers(shards), limit: { name: 'one channel', rounds: ofStrangers(1) } },
          ...(processes === 16 && { goal: 0.1 }),
        }),
      )
    }
  }
  report('fanout', rows, [])
}

/** Publishes the events of all users while one process listens for its own. */
async function listen(world: World, processes: number, shards: number): Promise<Heard> {
  // Otherwise the number of shards of the run before would hold for a while.
  const redis = new Redis(world.redisUrl)
  await redis.flushall()
  redis.disconnect()
  const args = [world.redisUrl, String(USERS), String(shards)]
  const child = fork(fileURLToPath(new URL('listener.ts', import.meta.url)), args, {
    execArgv: ['--import', 'tsx'],
  })
  const message = async <T>() => ((await once(child, 'message')) as [T])[0]
  await message()
  const bus = new RedisBus({
    redis: parseRedisAddress(world.redisUrl),
    ...{ epoch: EPOCH, currency: 'USD', changes: NO_CHANGES, shards, history: 0 },
    logger: pino({ level: 'silent' }),
  })
  while (bus.link.state !== 'live') await new Promise((resolve) => setTimeout(resolve, 10))
  const seqs = new Map<number, number>()
  const all = USERS * processes
  const publish = async (count: number) => {
    for (let sent = 0; sent < count; sent += BATCH) {
      const events = Array.from({ length: BATCH }, (_, i): LedgerEvent => {
        const user = (sent + i) % all
        const seq = (seqs.get(user) ?? 0) + 1
        seqs.set(user, seq)
        return eventOf(user, seq)
      })
      await bus.publish(events)
    }
  }
  await publish(WARM_UP)
  child.send('start')
  await message()
  await publish(EVENTS)
  child.send('end')
  const heard = await message<Heard>()
  await bus.close()
  child.kill()
  await once(child, 'exit')
  return heard
}

function eventOf(user: number, seq: number): LedgerEvent {
  return {
    ...{ event: 'balance_updated', tenant: 'default', userId: `user-${user}`, seq },
    ...{ currency: 'USD', amount: 100n, newBalance: BigInt(seq) * 100n },
    previousBalance: BigInt(seq - 1) * 100n,
    ...{ transactionId: '018f2b7e-0000-7000-8000-000000000000', transactionType: 'topup' },
    timestamp: new Date().toISOString(),
  }
}
