import { Redis } from 'ioredis'
import { expect, onTestFinished } from 'vitest'
import { sleep } from '../../src/lib/timeout.ts'
import { describeWithPrivateRedis, eventually, mintToken } from '../support/index.ts'
import { test } from '../support/processes.ts'
import { connectAll } from '../support/realtime/balance-server.ts'
import { startStalledProxy } from '../support/realtime/stalled-proxy.ts'

/** Real servers as processes of their own, on a real Postgres and a real Redis. */
describeWithPrivateRedis('trouble with a process', () => {
  let alice: string
  let admin: string
  test.beforeAll(async () => {
    alice = await mintToken({ sub: 'alice' })
    admin = await mintToken({ sub: 'ada', roles: ['admin'] })
  })

  function send(token: string, method: string, url: string, body?: object, key?: string) {
    return fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        ...(key && { 'idempotency-key': key }),
      },
      ...(body && { body: JSON.stringify(body) }),
    })
  }

  const GIFT = { userId: 'alice', amount: 10, description: 'a gift' }
  const give = (url: string, key?: string) =>
    send(admin, 'POST', `${url}/transactions/adjustment`, GIFT, key)

  test('invariant 5: kill -9 between commit and publish; another process publishes, once for the clients', async ({
    redis,
    sql,
    startProcess,
  }) => {
    const proxy = await startStalledProxy(redis.url)
    const [doomed, other] = await Promise.all([
      startProcess({ redisUrl: proxy.url }),
      startProcess(),
    ])
    const clients = await connectAll(other.url, alice)
    proxy.dropCommands()
    const unanswered = give(doomed.url, 'gift-1').catch(() => 'no answer')
    await eventually(async () => expect(await sql`select from outbox`).toHaveLength(1))
    await doomed.end('SIGKILL')
    expect(await unanswered).toBe('no answer')
    // Half a second between sweeps, of rows that are a second old.
    await eventually(() => {
      for (const client of clients) expect(client.seqs()).toEqual([1, 2])
    })
    await eventually(async () => expect(await sql`select from outbox`).toHaveLength(0))
    const again = await give(other.url, 'gift-1')
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true'])
    // A swept event does not fill the cache; a read does.
    const cached = async () => {
      const answer = await send(alice, 'GET', `${other.url}/transactions/balance/cached`)
      return await answer.json()
    }
    expect(await cached()).toEqual({ balance: 10, cached: false })
    await eventually(async () => expect(await cached()).toEqual({ balance: 10, cached: true }))
  })

  test('while Redis is unavailable money moves, reads come from Postgres, and events by polling', async ({
    redis,
    startProcess,
  }) => {
    const { url } = await startProcess()
    const clients = await connectAll(url, alice)
    const cached = async () => {
      const answer = await send(alice, 'GET', `${url}/transactions/balance/cached`)
      return await answer.json()
    }
    expect((await give(url)).status).toBe(201)
    expect(await cached()).toEqual({ balance: 10, cached: true })
    await redis.kill()
    const topup = await send(alice, 'POST', `${url}/transactions/topup`, { amount: 5 })
    const { id } = (await topup.json()) as { id: string }
    const approved = await send(admin, 'PATCH', `${url}/transactions/topup/${id}/process`, {
      status: 'success',
    })
    const booking = { type: 'booking_payment', amount: 2.5 }
    const paid = await send(alice, 'POST', `${url}/transactions`, booking)
    expect([topup.status, approved.status, paid.status]).toEqual([201, 200, 201])
    expect(await cached()).toEqual({ balance: 12.5, cached: false })
    await eventually(() => {
      for (const client of clients) expect(client.seqs()).toEqual([1, 2, 3, 4, 5, 6])
    })
    expect((await fetch(`${url}/health/ready`)).status).toBe(200)
    await redis.restart()
    expect((await give(url)).status).toBe(201)
    await eventually(async () => expect(await cached()).toEqual({ balance: 22.5, cached: true }))
    await eventually(() => {
      for (const client of clients) expect(client.seqs()).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    })
  })

  test('SIGTERM with a write in flight: not ready, then answered, published, and exit 0', async ({
    redis,
    sql,
    startProcess,
  }) => {
    // Enough time for the drain to wait for the response, also on a slow machine.
    const server = await startProcess({ more: { DRAIN_SECONDS: '10' } })
    const heard: string[] = []
    const listener = new Redis(redis.url)
    listener.on('error', () => {})
    onTestFinished(() => listener.disconnect())
    await listener.subscribe('balance:updates')
    listener.on('message', (_, text) => heard.push(JSON.parse(text).event))
    expect((await give(server.url)).status).toBe(201)

    const lock = await sql.reserve()
    await lock`begin`
    await lock`select from wallets where user_id = 'alice' for update`
    const answer = give(server.url).then(({ status }) => status, String)
    await eventually(async () => {
      const waiting = await sql`
        select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
      expect(waiting).toHaveLength(1)
    })
    const ended = server.end('SIGTERM')
    const readiness = () =>
      fetch(`${server.url}/health/ready`).then(
        ({ status }) => status,
        () => 'nobody listens',
      )
    await eventually(async () => expect(await readiness()).toBe(503))
    await eventually(async () => expect(await readiness()).toBe('nobody listens'))
    // Long enough for a server that waits only for its streams to end.
    await sleep(500)
    await lock`commit`
    lock.release()
    expect(await answer).toBe(201)
    expect(await ended).toBe(0)
    expect(await sql`select from outbox`).toHaveLength(0)
    await eventually(() => {
      expect(heard).toEqual(Array(2).fill(['balance_updated', 'transaction_completed']).flat())
    })
  })
})
