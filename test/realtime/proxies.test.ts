import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { Hono } from 'hono'
import { io } from 'socket.io-client'
import { describe, expect, onTestFinished } from 'vitest'
import { sleep } from '../../src/lib/timeout.ts'
import { freePort } from '../../src/local/ports.ts'
import { eventually } from '../support/index.ts'
import { connectBy, startServer, TRANSPORTS, tokenOf } from '../support/realtime/balance-server.ts'
import { ALICE } from '../support/realtime/fake-ledger.ts'
import { test } from '../support/realtime/fixtures.ts'
import { find, startProxy } from '../support/realtime/proxy.ts'
import { USER_IDS } from '../support/user-ids.ts'

/** A relay between a proxy and a server, which can crash and return at once. Ends with the test. */
async function crashable(target: string) {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const { hostname, port } = new URL(target)
    const onward = connect(Number(port), hostname)
    for (const socket of [client, onward]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        onward.destroy()
      })
    }
    client.pipe(onward).pipe(client)
  })
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (typeof address !== 'object' || !address) throw new Error('no address')
    return address.port
  }
  // It stays free during a crash.
  const port = await listen(await freePort())
  const crash = async () => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  onTestFinished(crash)
  return { url: `http://127.0.0.1:${port}`, crash, restart: () => listen(port) }
}

/** A server that answers with its name, and counts its requests. */
async function named(name: string) {
  const routes = new Hono()
    .get('/name', (c) => c.text(name))
    .post('/pay', async (c) => {
      await c.req.text()
      return c.text(name)
    })
  return startServer({ routes })
}

describe.each(['nginx', 'caddy'] as const)('behind %s, as documented', (name) => {
  const program = find(name)
  const reason = { meta: { skipReason: `needs ${name} on the PATH` } }

  describe.skipIf(!program)('the program', reason, () => {
    test.for(TRANSPORTS)(
      '%s events arrive, and a client can resume',
      async (transport, { testServer }) => {
        const proxy = await startProxy(name, program ?? '', [testServer.url])
        const token = await tokenOf(ALICE)
        const client = connectBy[transport](proxy.url, token)
        await eventually(() => expect(client.received).toHaveLength(1))
        await testServer.change(ALICE, 100n)
        await eventually(() => expect(client.seqs()).toEqual([1, 2]))
        await proxy.kill()
        await client.failure
        await testServer.change(ALICE, 100n)
        await proxy.start()
        const again = connectBy[transport](proxy.url, token, { lastEventId: 'e1:2' })
        await eventually(() => expect(again.seqs()).toEqual([3, 4]))
      },
    )

    test('metrics are not for the public', async () => {
      const routes = new Hono().get('/metrics', (c) => c.text('inside'))
      const server = await startServer({ routes })
      const proxy = await startProxy(name, program ?? '', [server.url])
      expect((await fetch(`${server.url}/metrics`)).status).toBe(200)
      expect((await fetch(`${proxy.url}/metrics`)).status).toBe(404)
    })

    test('user ids in paths arrive as they were sent', async () => {
      const routes = new Hono().get('/verify/:userId', (c) => c.json(c.req.param('userId')))
      const server = await startServer({ routes })
      const proxy = await startProxy(name, program ?? '', [server.url])
      const arrived = Object.entries(USER_IDS).map(async ([of, id]) => {
        const response = await fetch(`${proxy.url}/verify/${encodeURIComponent(id)}`)
        return [of, response.ok ? await response.json() : response.status]
      })
      expect(Object.fromEntries(await Promise.all(arrived))).toEqual({
        ...USER_IDS,
        // nginx decodes the path to choose a location, and this one leads above the root.
        ...(name === 'nginx' && { 'a traversal of folders': 400 }),
      })
    })

    test('silent streams outlive the idle limit', async () => {
      const server = await startServer({ heartbeatSeconds: 1 })
      const proxy = await startProxy(name, program ?? '', [server.url])
      const token = await tokenOf(ALICE)
      const clients = TRANSPORTS.map((transport) => connectBy[transport](proxy.url, token))
      await eventually(() => {
        for (const { received } of clients) expect(received).toHaveLength(1)
      })
      const closed = Promise.race(clients.map(({ failure }) => failure)).then(() => 'closed')
      // Longer than the idle timeout of the proxy.
      const outlived = sleep(5000).then(() => 'open')
      expect(await Promise.race([closed, outlived])).toBe('open')
      await server.change(ALICE, 100n)
      await eventually(() => {
        for (const client of clients) expect(client.seqs()).toEqual([1, 2])
      })
    })

    test('twenty Socket.IO clients that begin by polling connect, with two servers', async () => {
      const servers = [await startServer(), await startServer()]
      const proxy = await startProxy(
        name,
        program ?? '',
        servers.map(({ url }) => url),
        60,
      )
      const token = await tokenOf(ALICE)
      const sockets = Array.from({ length: 20 }, () =>
        io(`${proxy.url}/balance`, {
          auth: { token },
          transports: ['polling', 'websocket'],
          reconnection: false,
          forceNew: true,
        }),
      )
      onTestFinished(() => {
        for (const socket of sockets) socket.close()
      })
      await Promise.all(
        sockets.map(async (socket) => {
          const balance = new Promise((resolve) => socket.once('balance_initial', resolve))
          const refused = new Promise((_, reject) => socket.once('connect_error', reject))
          await Promise.race([balance, refused])
        }),
      )
      await eventually(() => {
        for (const { io } of sockets) expect(io.engine.transport.name).toBe('websocket')
      })
    })

    // Caddy gives up a POST on a connection that is just breaking.
    if (name !== 'nginx') return

    test('no request after a series of crashes is lost', async () => {
      const servers = await Promise.all(
        ['a', 'b'].map(async (n) => crashable((await named(n)).url)),
      )
      const proxy = await startProxy(
        name,
        program ?? '',
        servers.map(({ url }) => url),
        60,
      )
      const pay = async () =>
        (await fetch(`${proxy.url}/pay`, { method: 'POST', body: '{}' })).status
      for (let round = 0; round < 4; round++) {
        for (const server of servers) {
          await server.crash()
          for (let i = 0; i < 3; i++) expect(await pay()).toBe(200)
          await server.restart()
        }
      }
    })

    test('a drained server costs no POST', async () => {
      const servers = { a: await named('a'), b: await named('b') }
      const proxy = await startProxy(name, program ?? '', [servers.a.url, servers.b.url], 60)
      const served = (await (await fetch(`${proxy.url}/name`)).text()) as 'a' | 'b'
      const statuses = new Map<number, number>()
      const by = new Set<string>()
      let isOver = false
      const traffic = Array.from({ length: 8 }, async () => {
        while (!isOver) {
          const answer = await fetch(`${proxy.url}/pay`, { method: 'POST', body: '{}' })
          statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
          by.add(await answer.text())
        }
      })
      await eventually(() => expect(by).toContain(served))
      await servers[served].server.drain(8)
      const [other] = ['a', 'b'].filter((n) => n !== served)
      await eventually(async () =>
        expect(await (await fetch(`${proxy.url}/name`)).text()).toBe(other),
      )
      isOver = true
      await Promise.all(traffic)
      expect([...statuses.keys()]).toEqual([200])
    })
  })
})
