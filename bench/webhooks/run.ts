import { setTimeout as sleep } from 'node:timers/promises'
import { mintToken } from '../../src/auth/tokens.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { generator, wireRequest } from '../http/load.ts'
import { fund, userIds } from '../http/users.ts'
import { inWorld, type World } from '../http/world.ts'
import { report } from '../report.ts'
import { compare, type Row } from '../row.ts'
import { SECRET } from '../secret.ts'

/**
 * `npm run bench -- webhooks`: payments a second over HTTP while one webhook gets their events. Beside it, by turns: the
 * same without a webhook. The receiver is a process that answers at once. Then the events a second that a server without
 * requests sends to a receiver that takes 50 ms, two of each user. Beside it, by turns: a bare client with as many
 * connections. Arguments: whole seconds of each measurement (2), rounds (3).
 */
const SECONDS = Number(process.argv[2] ?? 2)
const ROUNDS = Number(process.argv[3] ?? 3)
const USERS = 1_000
const CALLERS = [8, 64]
/** Users with events, so that they last for a measurement. */
const WAITING_USERS = 1_000 * (SECONDS + 1)
const RECEIVER_MS = 50
/** Of `WEBHOOK_CONCURRENCY`. */
const CONNECTIONS = 64

await inWorld('webhooks', measure)

async function measure(world: World): Promise<void> {
  await migrate(world.databaseUrl)
  const sql = connect(world.databaseUrl, { max: 1 })
  await fund(sql, userIds(USERS), 10n ** 12n)
  await sql`truncate outbox`
  const receiver = await world.bare(new URL('../reads/bare.ts', import.meta.url), ['hello'])
  const port = await world.server()
  const load = await generator()
  const service = await mintToken(SECRET, { sub: 'shop', roles: ['service'], expiresIn: 3600 })
  const requests = Array.from({ length: USERS }, (_, i) =>
    wireRequest('POST', '/transactions', service, {
      ...{ type: 'booking_payment', amount: 0.01, userId: `user-${i}` },
    }),
  )
  const payments = async (connections: number) => {
    const { done, seconds } = await load.run({ port, connections, seconds: SECONDS, requests })
    return done / seconds
  }

  const rounds = new Map<string, number[]>()
  const note = (what: string, value: number) => {
    rounds.set(what, [...(rounds.get(what) ?? []), value])
  }
  // The first round is a warm-up.
  for (let round = 0; round <= ROUNDS; round++) {
    if (round === 1) rounds.clear()
    for (const callers of CALLERS) {
      note(`without, ${callers}`, await payments(callers))
      await withWebhook(sql, port, receiver, async () => {
        note(`with, ${callers}`, await payments(callers))
        note(`sent, ${callers}`, (await sentTo(sql)) / SECONDS)
      })
    }
  }
  const slow = await world.bare(new URL('slow.ts', import.meta.url), [`${RECEIVER_MS}`])
  const posts = [wireRequest('POST', '/', 'none', { type: 'webhook_test' })]
  for (let round = 0; round <= ROUNDS; round++) {
    const bare = await load.run({
      ...{ port: slow, connections: CONNECTIONS, seconds: SECONDS, requests: posts },
    })
    const sent = await withWebhook(sql, port, slow, () => idle(sql))
    if (round === 0) continue
    note('idle', sent)
    note('bare', bare.done / bare.seconds)
  }
  load.end()
  await sql.end()
  report(
    'webhooks',
    [
      ...CALLERS.map((callers) => rowOf(rounds, callers)),
      compare({
        what: `events to a receiver that takes ${RECEIVER_MS} ms`,
        unit: '/s',
        ours: rounds.get('idle') ?? [],
        limit: { name: `${CONNECTIONS} bare connections`, rounds: rounds.get('bare') ?? [] },
        direction: '≥',
      }),
    ],
    CALLERS.map((callers) => {
      const sent = rounds.get(`sent, ${callers}`) ?? []
      return `${callers} callers: ${Math.round(Math.max(...sent))} events a second were sent meanwhile`
    }),
  )
}

function rowOf(rounds: Map<string, number[]>, callers: number): Row {
  return compare({
    what: `payments with a webhook, ${callers} callers`,
    unit: '/s',
    ours: rounds.get(`with, ${callers}`) ?? [],
    limit: { name: 'without', rounds: rounds.get(`without, ${callers}`) ?? [] },
    direction: '≥',
    goal: 0.9,
  })
}

/** The webhook is gone afterwards, with what it has not got. */
async function withWebhook<Result>(
  sql: Sql,
  port: number,
  receiver: number,
  run: () => Promise<Result>,
): Promise<Result> {
  const token = await mintToken(SECRET, { sub: 'ada', roles: ['admin'], expiresIn: 60 })
  const created = await fetch(`http://127.0.0.1:${port}/admin/webhooks`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ url: `http://127.0.0.1:${receiver}/` }),
  })
  if (!created.ok) throw new Error(`no webhook: ${created.status} ${await created.text()}`)
  const result = await run()
  await sql`set lock_timeout = '50ms'`
  // The server still sends, and locks the same tables in another order.
  for (let emptied = false; !emptied; ) {
    emptied = await sql`
      truncate webhook_endpoints, delivery_feed, webhook_cursors, webhook_attempts`.then(
      () => true,
      () => false,
    )
  }
  await sql`reset lock_timeout`
  return result
}

/** Events a second, while the server does nothing else. */
async function idle(sql: Sql): Promise<number> {
  await fund(sql, userIds(WAITING_USERS), 1n)
  await sql`select outbox_acknowledge(array(select id from outbox))`
  let before = 0
  for (; before === 0; before = await sentTo(sql)) await sleep(20)
  const began = performance.now()
  await sleep(SECONDS * 1000)
  return ((await sentTo(sql)) - before) / ((performance.now() - began) / 1000)
}

/** Events that the webhook has accepted. */
async function sentTo(sql: Sql): Promise<number> {
  const [row] = await sql<{ sent: number }[]>`
    select coalesce(sum(to_seq - from_seq + 1), 0)::float8 as sent from webhook_attempts where delivered`
  return row?.sent ?? 0
}
