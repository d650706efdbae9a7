import { EventSource } from 'eventsource'
import { expect } from 'vitest'
import { Auditor } from '../../src/ledger/auditor.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { type CliServer, startServer } from '../support/cli/server.ts'
import { describeWithRedis, eventually, mintToken, redisUrl } from '../support/index.ts'
import { describeWithHaproxy, startHaproxy } from '../support/postgres/haproxy.ts'
import { synchronousTest as base } from '../support/postgres/replicated.ts'

const USERS = Array.from({ length: 6 }, (_, i) => `payer-${i}`)
const EACH = 1_000

const test = base
  .extend('haproxy', { scope: 'file' }, async ({ pair }, { onCleanup }) => {
    const haproxy = await startHaproxy(pair.primary.port, pair.standby.port)
    onCleanup(() => haproxy.close())
    return haproxy
  })
  .extend('server', { scope: 'file' }, async ({ pair, haproxy }, { onCleanup }) => {
    const settings = { REQUEST_TIMEOUT: '2', RATE_LIMIT_WRITES: '0', RATE_LIMIT_IP_WRITES: '0' }
    const server = await startServer(pair.urlOf(haproxy.port), redisUrl(), settings)
    onCleanup(() => server.close())
    return server
  })

/** Someone who pays without pause, and repeats each payment with its key until it is acknowledged. */
class Payer {
  readonly acknowledged = new Map<string, string>()
  readonly refusals = new Set<string>()
  /** What a caller must never get. */
  readonly others: unknown[] = []
  readonly #url: string
  readonly #user: string
  #stopped = false

  constructor({ url }: CliServer, user: string) {
    this.#url = url
    this.#user = user
  }

  async run(): Promise<void> {
    const token = await mintToken({ sub: this.#user })
    for (let n = 0; !this.#stopped; n++) {
      const key = `${this.#user}-${n}`
      while (!(await this.#pay(key, token)));
    }
  }

  stop(): void {
    this.#stopped = true
  }

  async #pay(key: string, token: string): Promise<boolean> {
    const response = await fetch(`${this.#url}/transactions`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/json',
        'Idempotency-Key': key,
      },
      body: JSON.stringify({ type: 'booking_payment', amount: 0.01, referenceId: key }),
    })
    const body = (await response.json()) as { id: string; code?: string }
    if (response.status === 201) this.acknowledged.set(key, body.id)
    else if (response.status === 503) {
      this.refusals.add(`${body.code} ${response.headers.has('retry-after')}`)
    } else this.others.push([response.status, body])
    return response.status === 201
  }
}

/** The ids of all events of a user, as one connection gets them. */
async function listen({ url }: CliServer, user: string) {
  const ids: string[] = []
  const stream = new EventSource(`${url}/balance/stream?token=${await mintToken({ sub: user })}`)
  for (const name of ['balance_initial', 'balance_updated', 'transaction_completed']) {
    stream.addEventListener(name, ({ lastEventId }) => ids.push(lastEventId))
  }
  await eventually(() => expect(ids).toHaveLength(1))
  return { ids, close: () => stream.close() }
}

const transactionsOf = (sql: Sql) => sql<{ id: string; key: string }[]>`
  select id, reference_id as key from transactions where type = 'booking_payment'`

describeWithRedis('synchronous replication', () => {
  describeWithHaproxy('behind HAProxy, with the documented file', () => {
    // The pair takes longer to start than a test may last.
    test.beforeAll(({ server: _started }) => {}, 120_000)

    test('a killed primary and a promoted standby lose and repeat nothing of what was answered', async ({
      pair,
      server,
    }) => {
      for (const userId of USERS) {
        const body = { userId, amount: EACH, description: 'x' }
        await server.post('boss', '/transactions/adjustment', body, ['admin'])
      }
      const streams = await Promise.all(USERS.map((user) => listen(server, user)))
      const payers = USERS.map((user) => new Payer(server, user))
      const running = payers.map((payer) => payer.run())
      const paid = () => payers.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0)
      await eventually(() => expect(paid()).toBeGreaterThan(100))

      await pair.killPrimary('SIGKILL')
      const before = payers.map(({ acknowledged }) => new Map(acknowledged))
      const standby = connect(pair.urlOf(pair.standby.port), { max: 1 })
      await standby`select pg_promote(wait => true)`
      const count = paid()
      await eventually(() => expect(paid()).toBeGreaterThan(count + 100))
      for (const payer of payers) payer.stop()
      await Promise.all(running)

      const found = new Map<string, string>()
      const rows = await transactionsOf(standby)
      for (const { id, key } of rows) found.set(key, id)
      expect(rows).toHaveLength(paid())
      for (const [i, payer] of payers.entries()) {
        expect(payer.others).toEqual([])
        for (const [key, id] of payer.acknowledged) expect([key, found.get(key)]).toEqual([key, id])
        for (const [key, id] of before[i] ?? []) expect(payer.acknowledged.get(key)).toBe(id)
      }
      // "Timeout" has no Retry-After, because the payment may have been made.
      const refusals = new Set(payers.flatMap((payer) => [...payer.refusals]))
      for (const refusal of refusals)
        expect(['unavailable true', 'timeout false']).toContain(refusal)
      expect(await new Auditor(standby).audit('default')).toMatchObject({
        inaccurate: 0,
        discrepancies: [],
      })

      for (const [i, { ids, close }] of streams.entries()) {
        const [epoch] = ids[0]?.split(':') ?? []
        // The adjustment has two events, and so has each payment.
        const last = 2 + 2 * (payers[i]?.acknowledged.size ?? 0)
        const all = Array.from({ length: last - 1 }, (_, n) => `${epoch}:${n + 2}`)
        await eventually(() => expect(ids.length).toBeGreaterThanOrEqual(all.length))
        expect(ids).toEqual(all)
        close()
      }
      await standby.end()
    })
  })
})
