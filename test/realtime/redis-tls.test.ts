import { join } from 'node:path'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { parseConfig } from '../../src/config/config.ts'
import type { RedisTarget } from '../../src/config/redis-address.ts'
import { createAuthority } from '../support/certificates.ts'
import { describeWithPrivateRedis, eventually, startConfiguredRedis } from '../support/index.ts'
import { startCluster } from '../support/realtime/cluster.ts'
import { startInstallation } from '../support/realtime/failover.ts'
import { ALICE, FakeLedger } from '../support/realtime/fake-ledger.ts'
import { openRedisBus } from '../support/realtime/redis-bus.ts'
import { startSentinels } from '../support/realtime/sentinel.ts'

/** A bus as the variables of the environment say, and what it logs at `warn`. */
function open(env: Record<string, string>) {
  const lines: { level: number; msg: string; reason: string; check: string }[] = []
  const write = (line: string) => void lines.push(JSON.parse(line))
  const logger = pino({ level: 'warn' }, { write })
  const redis = parseConfig(env).redis as RedisTarget
  const options = { redis, logger, probeAfterMs: 100 }
  const ledger = new FakeLedger()
  return { bus: openRedisBus('redis://unused', ledger, options), ledger, lines }
}

describeWithPrivateRedis(
  'Redis with TLS, of a private authority and with client certificates',
  () => {
    const [authority, stranger] = [createAuthority(), createAuthority()]
    const { cert, key } = authority.issue('localhost')
    const TLS = [
      `tls-cert-file ${cert}`,
      `tls-key-file ${key}`,
      `tls-ca-cert-file ${authority.ca}`,
      'tls-auth-clients yes',
    ]
    const client = authority.issue('livebalance')
    const FILES = {
      REDIS_TLS_CA: authority.ca,
      REDIS_TLS_CERT: client.cert,
      REDIS_TLS_KEY: client.key,
    }

    test('a whole server works over it', async () => {
      const { port } = await startConfiguredRedis(TLS)
      const installation = await startInstallation({
        REDIS_URL: `rediss://localhost:${port}`,
        ...FILES,
      })
      const { stop } = installation.pay()
      await eventually(() => expect(installation.clients[0]?.seqs().length).toBeGreaterThan(5))
      await installation.got(await stop())
    })

    test('a wrong authority, no certificate, a strange one, and another name are one clear warning each', async () => {
      const { port } = await startConfiguredRedis(TLS)
      const url = `rediss://localhost:${port}`
      const warningOf = async (env: Record<string, string>) => {
        const { lines } = open({ REDIS_URL: url, ...env })
        const [line] = await eventually(() => {
          expect(lines.length).toBeGreaterThan(0)
          return lines
        })
        expect(line).toMatchObject({ level: 40, msg: 'redis disconnected' })
        return line
      }
      expect(await warningOf({ ...FILES, REDIS_TLS_CA: stranger.ca })).toMatchObject({
        reason: expect.stringContaining('the certificate of Redis is not trusted'),
        check: expect.stringContaining('REDIS_TLS_CA'),
      })
      expect(await warningOf({ ...FILES, REDIS_TLS_SERVERNAME: 'redis.internal' })).toMatchObject({
        reason: expect.stringContaining('the certificate of Redis is for another host'),
      })
      // Redis objects, or just ends the connection: that depends on which of them is faster.
      const strange = stranger.issue('livebalance')
      const files = { REDIS_TLS_CERT: strange.cert, REDIS_TLS_KEY: strange.key }
      for (const env of [{}, files]) {
        expect(await warningOf({ REDIS_TLS_CA: authority.ca, ...env })).toMatchObject({
          reason: expect.stringMatching(
            /requires a certificate|does not trust|connection was lost/,
          ),
          check: expect.stringContaining('REDIS_TLS_CERT'),
        })
      }
    })

    test('Sentinel', async () => {
      const { hosts, name } = await startSentinels({
        tls: { lines: [...TLS, 'tls-replication yes'], files: { ca: authority.ca, ...client } },
      })
      const { bus } = open({
        REDIS_SENTINELS: hosts,
        REDIS_SENTINEL_MASTER: name,
        REDIS_TLS_SERVERNAME: 'localhost',
        ...FILES,
      })
      await eventually(() => expect(bus.link).toEqual({ state: 'live' }))
    })

    test('a cluster', async () => {
      const { hosts } = await startCluster([...TLS, 'tls-replication yes', 'tls-cluster yes'], {
        ca: authority.ca,
        ...client,
      })
      const { bus, ledger } = open({
        REDIS_CLUSTER: hosts,
        REDIS_TLS_SERVERNAME: 'localhost',
        ...FILES,
      })
      await eventually(() => expect(bus.link).toEqual({ state: 'live' }))
      await eventually(async () => {
        // A cache without an owner is emptied first.
        await bus.publish(ledger.change(ALICE, 100n).events)
        expect(await bus.cachedBalance(ALICE, 'USD')).not.toBeNull()
      })
    })
  },
)

describeWithPrivateRedis('other ways to one Redis', () => {
  test('a Unix socket, and a database number', async () => {
    const { port, folder } = await startConfiguredRedis(['unixsocket redis.sock'])
    const { bus, ledger } = open({ REDIS_URL: `unix://${join(folder, 'redis.sock')}?db=2` })
    const other = open({ REDIS_URL: `valkey://127.0.0.1:${port}/2` })
    await eventually(() => {
      expect([bus.link.state, other.bus.link.state]).toEqual(['live', 'live'])
    })
    const received: string[] = []
    other.bus.listen({ message: (text) => received.push(text), link: () => {} })
    const admin = new Redis(port)
    onTestFinished(() => admin.disconnect())
    const numbered = admin.duplicate({ db: 2 })
    onTestFinished(() => numbered.disconnect())
    // A cache without an owner is emptied first.
    await eventually(async () => expect(await numbered.get('livebalance:owner')).not.toBeNull())
    await bus.publish(ledger.change(ALICE, 100n).events)
    await eventually(() => expect(received).toHaveLength(2))
    expect(await admin.dbsize()).toBe(0)
    expect(await numbered.get('balance:user:alice')).toBe('1')
  })

  test('a socket that is not there is one clear warning', async () => {
    const { bus, lines } = open({ REDIS_URL: 'unix:///nowhere/redis.sock' })
    await eventually(() =>
      expect(bus.link.reason).toBe('the socket of Redis does not exist (ENOENT)'),
    )
    expect(lines[0]).toMatchObject({ check: expect.stringContaining('the path in REDIS_URL') })
  })
})
