import { Redis } from 'ioredis'
import { expect, onTestFinished } from 'vitest'
import { freePort } from '../../../src/local/ports.ts'
import { type ConfiguredRedis, eventually, startConfiguredRedis } from '../index.ts'
import { type TlsFiles, tlsOptions } from './cluster.ts'

/** A primary, a replica and three Sentinels, which replace a silent primary after this time. */
const DOWN_AFTER_MS = 700

export interface SentinelSetup {
  /** For `redis-sentinel://`. */
  hosts: string
  name: string
  primary: ConfiguredRedis
  replica: ConfiguredRedis
  sentinels: ConfiguredRedis[]
  /** The port of the primary that the first running Sentinel names. */
  primaryPort(): Promise<number>
  /** Resolves when another server than this one is the primary, with the time of the decision (`performance.now()`). */
  switchedFrom(port: number): Promise<number>
}

export interface SentinelOptions {
  /** Of the servers. */
  password?: string
  sentinelPassword?: string
  /** More lines of the Sentinels' configuration. */
  sentinelLines?: readonly string[]
  /** Lines of the configuration, and the files with which the test itself connects. */
  tls?: { lines: readonly string[]; files: TlsFiles }
}

/** Ends with the test. */
export async function startSentinels(options: SentinelOptions = {}): Promise<SentinelSetup> {
  const { password, sentinelPassword, tls } = options
  const name = 'main'
  const login = [
    ...(password ? [`requirepass ${password}`, `masterauth ${password}`] : []),
    ...(tls?.lines ?? []),
    'repl-diskless-sync-delay 0',
  ]
  const primary = await startConfiguredRedis(login)
  const replica = await startConfiguredRedis([...login, `replicaof 127.0.0.1 ${primary.port}`])
  const ports = await Promise.all([freePort(), freePort(), freePort()])
  const sentinels = await Promise.all(
    ports.map((port) =>
      startConfiguredRedis(
        [
          ...(tls?.lines ?? []),
          ...(options.sentinelLines ?? []),
          `sentinel monitor ${name} 127.0.0.1 ${primary.port} 2`,
          ...(password ? [`sentinel auth-pass ${name} ${password}`] : []),
          ...(sentinelPassword
            ? [`requirepass ${sentinelPassword}`, `sentinel sentinel-pass ${sentinelPassword}`]
            : []),
          `sentinel down-after-milliseconds ${name} ${DOWN_AFTER_MS}`,
          `sentinel failover-timeout ${name} 3000`,
        ],
        port,
        'sentinel',
      ),
    ),
  )
  const clients = ports.map((port) => {
    const client = new Redis({
      port,
      ...(tls && { tls: tlsOptions(tls.files) }),
      ...(sentinelPassword ? { password: sentinelPassword } : {}),
      retryStrategy: () => 100,
      maxRetriesPerRequest: 0,
      commandTimeout: 5000,
    })
    client.on('error', () => {})
    onTestFinished(() => client.disconnect())
    return client
  })
  const primaryPort = async () => {
    const answers = await Promise.allSettled(
      clients.map((client) => client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)),
    )
    const answer = answers.find(({ status }) => status === 'fulfilled') as
      | PromiseFulfilledResult<unknown>
      | undefined
    return Number((answer?.value as string[] | undefined)?.[1])
  }
  // They can agree on a failover once they know each other and the replica.
  await eventually(async () => {
    for (const client of clients) {
      const known = (await client.call('SENTINEL', 'SENTINELS', name)) as unknown[]
      const replicas = (await client.call('SENTINEL', 'REPLICAS', name)) as unknown[]
      expect([known.length, replicas.length]).toEqual([2, 1])
      expect(JSON.stringify(replicas)).toContain('"master-link-status","ok"')
    }
  })
  return {
    hosts: ports.map((port) => `127.0.0.1:${port}`).join(','),
    name,
    primary,
    replica,
    sentinels,
    primaryPort,
    async switchedFrom(port) {
      await eventually(async () => {
        const now = await primaryPort()
        expect(now).toBeGreaterThan(0)
        expect(now).not.toBe(port)
      })
      return performance.now()
    },
  }
}
