import { expect, onTestFinished } from 'vitest'
import { Outbox } from '../../src/realtime/outbox.ts'
import { describeWithPrivateRedis, eventually } from '../support/index.ts'
import {
  connectAll,
  silent,
  startServer,
  type TestClient,
  tokenOf,
} from '../support/realtime/balance-server.ts'
import { ALICE, FakeLedger } from '../support/realtime/fake-ledger.ts'
import { test } from '../support/realtime/private-redis.ts'
import { openRedisBus, SHORT_TIMEOUTS } from '../support/realtime/redis-bus.ts'
import { startStalledProxy } from '../support/realtime/stalled-proxy.ts'

const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1)

describeWithPrivateRedis('trouble with Redis', () => {
  const openBus = (url: string, ledger: FakeLedger) => openRedisBus(url, ledger, SHORT_TIMEOUTS)

  /** A server with a client on each transport, all up and live. */
  async function running(url: string) {
    const ledger = new FakeLedger()
    const server = await startServer({ bus: openBus(url, ledger), ledger, pollEveryMs: 100 })
    await eventually(() => expect(server.gateway.health.state).toBe('live'))
    const clients = await connectAll(server.url, await tokenOf(ALICE))
    return { ...server, clients }
  }

  async function allGot(clients: TestClient[], last: number): Promise<void> {
    await eventually(
      () => {
        for (const client of clients) expect(client.seqs()).toEqual(upTo(last))
      },
      { timeout: 4000 },
    )
  }

  test('invariant 8: nothing is lost when the subscriber is killed', async ({ redis, admin }) => {
    const { clients, change, gateway } = await running(redis.url)
    for (let i = 0; i < 10; i++) {
      await change(ALICE, 1n)
      if (i % 3 === 0) await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    }
    await allGot(clients, 20)
    await eventually(() => expect(gateway.health.state).toBe('live'))
  })

  test('while Redis is killed events come by polling; afterwards nothing is missing', async ({
    redis,
    admin,
  }) => {
    const { clients, change, gateway, bus } = await running(redis.url)
    await change(ALICE, 100n)
    await redis.kill()
    await eventually(() => expect(gateway.health.state).toBe('disconnected'))
    await change(ALICE, 100n)
    await allGot(clients, 4)
    expect(await bus.cachedBalance(ALICE, 'USD')).toBeNull()
    await redis.restart()
    await eventually(() => expect(gateway.health.state).toBe('live'))
    // The bus drops all balances of a Redis without an owner, this one's too if it comes before that.
    await eventually(async () => expect(await admin.get('livebalance:owner')).not.toBeNull())
    await change(ALICE, 100n)
    await allGot(clients, 6)
    // Redis came back empty. A user's balance is cached again with the user's next change.
    await eventually(async () => expect(await bus.cachedBalance(ALICE, 'USD')).toBe('3'))
  })

  test('a paused Redis is noticed though no connection closes, and events come by polling', async ({
    redis,
  }) => {
    const { clients, change, gateway, bus } = await running(redis.url)
    redis.pause()
    const changed = change(ALICE, 100n)
    await allGot(clients, 2)
    await changed
    expect(gateway.health.state).toBe('disconnected')
    expect(await bus.cachedBalance(ALICE, 'USD')).toBeNull()
    redis.resume()
    await eventually(() => expect(gateway.health.state).toBe('live'))
    await change(ALICE, 100n)
    await allGot(clients, 4)
  })

  test('a subscription that is stalled fails readiness, and is connected again', async ({
    redis,
  }) => {
    const proxy = await startStalledProxy(redis.url)
    const { clients, change, gateway } = await running(proxy.url)
    const states = new Set<string>()
    const watch = setInterval(() => states.add(gateway.health.state), 5)
    proxy.stallSubscriptions()
    await change(ALICE, 100n)
    await eventually(() => expect(states).toContain('stalled'))
    await allGot(clients, 2)
    await eventually(() => expect(gateway.health.state).toBe('live'))
    clearInterval(watch)
  })

  test('a full output buffer costs the connection to Redis, not an event', async ({
    redis,
    admin,
  }) => {
    const { clients, change, gateway } = await running(redis.url)
    await admin.config('SET', 'client-output-buffer-limit', 'pubsub 1 1 1')
    await change(ALICE, 100n)
    await change(ALICE, 100n)
    await admin.config('SET', 'client-output-buffer-limit', 'pubsub 32mb 8mb 60')
    await change(ALICE, 100n)
    await allGot(clients, 6)
    await eventually(() => expect(gateway.health.state).toBe('live'))
  })

  test('invariant 5: another process publishes what a killed process left, within two seconds', async ({
    redis,
  }) => {
    const { clients, ledger } = await running(redis.url)
    ledger.change(ALICE, 100n)
    await allGot(clients, 2)
    await eventually(() => expect(ledger.outbox.size).toBe(0))
  })

  test('two processes publish and deliver for each other', async ({ redis }) => {
    const { clients, ledger } = await running(redis.url)
    const other = openBus(redis.url, ledger)
    const outbox = new Outbox({ bus: other, store: ledger, logger: silent })
    onTestFinished(() => outbox.close())
    await eventually(() => expect(other.link.state).toBe('live'))
    await outbox.publish(ledger.change(ALICE, 1n))
    await allGot(clients, 2)
  })
})
