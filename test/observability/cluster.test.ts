import { join } from 'node:path'
import { expect, inject } from 'vitest'
import type { InstallationState, SystemState } from '../../src/routes/state.ts'
import { test as base } from '../support/fixtures.ts'
import { describeWithRedis, eventually, mintToken, redisUrl } from '../support/index.ts'
import { connectBy } from '../support/realtime/balance-server.ts'
import { ServerProcess } from '../support/server-process.ts'

/** Two processes on one database and one Redis. */
const test = base.extend('servers', { scope: 'file' }, async ({ database }, { onCleanup }) => {
  const start = (name: string) =>
    ServerProcess.start({
      databaseUrl: database.ownerUrl,
      redisUrl: redisUrl(),
      logFile: join(inject('runFolder'), `cluster-${name}.log`),
      more: { DRAIN_SECONDS: '0' },
    })
  const servers = await Promise.all([start('a'), start('b')])
  onCleanup(() => Promise.all(servers.map((server) => server.end('SIGKILL'))).then(() => {}))
  return servers as [ServerProcess, ServerProcess]
})

/** The system as a server tells it: of these processes, as other tests may have some on the same Redis. */
const systemOf = (server: ServerProcess) =>
  told(server, { sub: 'opal', roles: ['operator'] }) as Promise<InstallationState>

async function told(
  { url }: ServerProcess,
  caller: Parameters<typeof mintToken>[0],
): Promise<SystemState> {
  const token = await mintToken(caller)
  const response = await fetch(`${url}/admin/system`, {
    headers: { Authorization: `Bearer ${token}` },
  })
  expect(response.status).toBe(200)
  return (await response.json()) as SystemState
}

describeWithRedis('the system as any of its processes tells it', () => {
  test('has each process with its connections; one that is killed is gone, one that ends is not listed', {
    timeout: 240_000,
  }, async ({ servers: [a, b] }) => {
    const idOf = async (server: ServerProcess) => (await systemOf(server)).id
    const [idA, idB] = [await idOf(a), await idOf(b)]
    const client = connectBy.SSE(b.url, await mintToken({ sub: 'cluster-alice' }))
    await eventually(() => expect(client.received).toHaveLength(1))

    // A process tells its state every three seconds.
    await eventually(async () => {
      const { cluster } = await systemOf(a)
      expect(cluster.reason).toBeUndefined()
      expect(cluster.processes[0]).toMatchObject({ id: idA, isThis: true, state: 'live' })
      expect(cluster.processes.find(({ id }) => id === idB)).toMatchObject({
        ...{ isThis: false, state: 'live', connections: { sse: 1 }, users: 1 },
        ...{ postgres: { ok: true }, redis: { ok: true, kind: 'redis' } },
      })
      expect(cluster.connections.sse).toBeGreaterThanOrEqual(1)
    })

    // An admin is told of the streams of the tenant, at whichever process, and of no process.
    const other = connectBy.SSE(b.url, await mintToken({ sub: 'bob', tenant: 'cluster-other' }))
    await eventually(() => expect(other.received).toHaveLength(1))
    const admin = { sub: 'ada', roles: ['admin'], tenant: 'cluster-other' }
    await eventually(async () => {
      expect(await told(a, admin)).toEqual({
        ...{ scope: 'tenant', version: expect.any(String), connections: 1 },
        ...{ payments: { ok: true }, events: { ok: true } },
      })
    })

    await b.end('SIGKILL')
    await eventually(async () => {
      const { cluster } = await systemOf(a)
      expect(cluster.processes.find(({ id }) => id === idB)).toMatchObject({ state: 'gone' })
    })

    // In its place comes another one, which ends in order.
    await b.start()
    const newId = await idOf(b)
    const listed = async () => (await systemOf(a)).cluster.processes.map(({ id }) => id)
    await eventually(async () => expect(await listed()).toContain(newId))
    await b.end('SIGTERM')
    await eventually(async () => expect(await listed()).not.toContain(newId))
  })
})
