import { get, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Balance } from '../../src/ledger/balance.ts'
import type { LedgerEvent, UserRef } from '../../src/ledger/event.ts'
import { sleep } from '../../src/lib/timeout.ts'
import { eventually } from '../support/index.ts'
import {
  startServer,
  type TestServer,
  TRANSPORTS,
  type Transport,
  tokenOf,
} from '../support/realtime/balance-server.ts'
import { ALICE, FakeLedger } from '../support/realtime/fake-ledger.ts'
import { FragileBus } from '../support/realtime/fragile-bus.ts'

const MiB = 1024 * 1024

/** Bytes of one event. */
const EVENT = 8000

/** A raw client that connects, then stops reading. */
async function stalledClient(transport: Transport, { url, gateway }: TestServer): Promise<Socket> {
  const { port, hostname } = new URL(url)
  const socket = connect({ port: Number(port), host: hostname })
  onTestFinished(() => void socket.destroy())
  const token = await tokenOf(ALICE)
  const lines = (...all: string[]) => `${[...all, 'Host: localhost'].join('\r\n')}\r\n\r\n`
  const upgrade = [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ]
  socket.on('error', () => {})
  if (transport === 'SSE') {
    socket.write(lines(`GET /balance/stream?token=${token} HTTP/1.1`))
  } else if (transport === 'WebSocket') {
    socket.write(lines(`GET /balance?token=${token} HTTP/1.1`, ...upgrade))
  } else {
    socket.write(lines('GET /socket.io/?EIO=4&transport=websocket HTTP/1.1', ...upgrade))
    await eventually(() => expect(socket.read()).not.toBeNull())
    socket.write(maskedFrame(`40/balance,${JSON.stringify({ token })}`))
  }
  await eventually(() => expect(gateway.users).toBe(1))
  socket.pause()
  return socket
}

function maskedFrame(text: string): Buffer {
  const payload = Buffer.from(text)
  const header = Buffer.from([0x81, 0xfe, payload.length >> 8, payload.length & 255, 0, 0, 0, 0])
  return Buffer.concat([header, payload])
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes that this process holds. Memory outside the heap is freed a little after the collection. */
async function memory(): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < 3; i++) {
    collectGarbage()
    await sleep(5)
    const { heapUsed, external } = process.memoryUsage()
    least = Math.min(least, heapUsed + external)
  }
  return least
}

/** A ledger with one user and events of 8 KB, created on demand. */
class EndlessLedger extends FakeLedger {
  head = 0

  event(seq: number): LedgerEvent {
    return {
      ...ALICE,
      seq,
      event: 'balance_updated',
      currency: 'USD',
      timestamp: '2025-11-04T10:30:00.000Z',
      newBalance: BigInt(seq),
      transactionId: 'x'.repeat(EVENT),
    }
  }

  override async balance(): Promise<Balance> {
    const timestamp = '2025-11-04T10:30:00.000Z'
    const seq = this.head
    return { balance: BigInt(seq), held: 0n, currency: 'USD', seq, updatedAt: timestamp }
  }

  override async eventsAfter(_user: UserRef, after: number, limit: number) {
    const count = Math.max(0, Math.min(limit, this.head - after))
    return {
      head: this.head,
      events: Array.from({ length: count }, (_, i) => this.event(after + i + 1)),
    }
  }

  override async heads(): Promise<number[]> {
    return [this.head]
  }
}

describe.each(TRANSPORTS)('invariant 9: a %s client that never reads', (transport) => {
  test('costs at most 1 MiB while 200 MB are produced for it, and is cut', async () => {
    const bus = new FragileBus()
    const ledger = new EndlessLedger()
    const server = await startServer({ bus, ledger, bounds: { maxLagMs: 3000 } })
    const produce = async (bytes: number) => {
      let most = 0
      for (let produced = 0; produced < bytes; produced += EVENT) {
        ledger.head += 1
        bus.bring(ledger.event(ledger.head))
        if (ledger.head % 100 > 0) continue
        await new Promise((resolve) => setImmediate(resolve))
        if (ledger.head % 5000 === 0) most = Math.max(most, await memory())
      }
      return most
    }
    // Warms up first, because compiled code and filled caches are not the cost of a client.
    const first = await stalledClient(transport, server)
    await produce(40 * MiB)
    first.destroy()
    await eventually(() => expect(server.gateway.users).toBe(0))

    const before = await memory()
    await stalledClient(transport, server)
    const most = await produce(200 * MiB)
    expect(most - before).toBeLessThan(MiB)
    // The kernel's buffers may have made room meanwhile: the client is disconnected once they stay full.
    await eventually(async () => {
      await produce(MiB)
      expect(server.gateway.users).toBe(0)
    })
  })
})

describe('a client that does not read its last message is disconnected soon after its connection ends', () => {
  /** For a client whose queue is below the bound at which it is disconnected at once. */
  const little = { timeout: 60_000 }

  test.each(TRANSPORTS)(
    '%s',
    async (transport) => {
      const bus = new FragileBus()
      const ledger = new EndlessLedger()
      const server = await startServer({ bus, ledger })
      const sockets: Socket[] = []
      server.server.http.on('connection', (socket: Socket) => sockets.push(socket))
      await stalledClient(transport, server)
      const produce = async () => {
        ledger.head += 1
        bus.bring({ ...ledger.event(ledger.head), transactionId: 'x'.repeat(1000) })
        await new Promise((resolve) => setImmediate(resolve))
      }
      while (sockets[0]?.writableLength === 0) await produce()
      await produce()
      await server.gateway.connections.drain(0)
      await eventually(() => {
        expect(server.gateway.users).toBe(0)
        expect(sockets.filter(({ destroyed }) => !destroyed)).toEqual([])
      }, little)
    },
    30_000,
  )

  test.each([
    [4, 'an event'],
    [4, 'nothing'],
    [3, 'an event'],
  ])(
    'Socket.IO by long polling, protocol %i of Engine.IO, with %s waiting',
    async (protocol, waiting) => {
      const bus = new FragileBus()
      const ledger = new EndlessLedger()
      const { url, gateway } = await startServer({ bus, ledger })
      const path = `${url}/socket.io/?EIO=${protocol}&transport=polling`
      const [, sid] = /"sid":"([^"]+)"/.exec(await (await fetch(path)).text()) ?? []
      const poll = async () => await (await fetch(`${path}&sid=${sid}`)).text()
      const token = await tokenOf(ALICE)
      const query = `40/balance?token=${token},`
      const body =
        protocol === 3 ? `${query.length}:${query}` : `40/balance,${JSON.stringify({ token })}`
      await fetch(`${path}&sid=${sid}`, { method: 'POST', body })
      while (!(await poll()).includes('balance_initial')) {}
      if (waiting === 'an event') {
        ledger.head += 1
        bus.bring(ledger.event(ledger.head))
      }
      await gateway.connections.drain(0)
      await eventually(() => expect(gateway.users).toBe(0), little)
    },
    30_000,
  )
})

interface ReceivedEvent {
  event: string
  seq: number
  conflated?: boolean
  recovered?: boolean
}

/** A client that can stop reading for a while, and the events it received. */
async function slowClient(transport: Transport, { url }: TestServer) {
  const token = await tokenOf(ALICE)
  const received: ReceivedEvent[] = []
  if (transport === 'SSE') {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${url}/balance/stream?token=${token}`, resolve).on('error', reject)
    })
    onTestFinished(() => void response.destroy())
    let rest = ''
    response.setEncoding('utf8').on('data', (text) => {
      const blocks = (rest + text).split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) {
        const [, event, data] = /^event: (\w+)\n(?:id: .*\n)?data: (.*)$/.exec(block) ?? []
        if (event && data) received.push({ event, ...JSON.parse(data) })
      }
    })
    return { received, pause: () => response.pause(), resume: () => response.resume() }
  }
  const path =
    transport === 'WebSocket' ? `balance?token=${token}` : 'socket.io/?EIO=4&transport=websocket'
  const socket = new WebSocket(`${url.replace('http', 'ws')}/${path}`)
  onTestFinished(() => socket.terminate())
  socket.on('open', () => {
    if (transport === 'Socket.IO') socket.send(`40/balance,${JSON.stringify({ token })}`)
  })
  socket.on('message', (message) => {
    const text = String(message)
    if (transport === 'WebSocket') return void received.push(JSON.parse(text))
    if (!text.startsWith('42/balance,')) return
    const [event, payload] = JSON.parse(text.slice('42/balance,'.length))
    received.push({ event, ...payload })
  })
  return { received, pause: () => socket.pause(), resume: () => socket.resume() }
}

describe.each(TRANSPORTS)('invariant 9: a %s client that reads again in time', (transport) => {
  test('gets the newest balance, marked conflated, and then each event once', async () => {
    const bus = new FragileBus()
    const ledger = new EndlessLedger()
    const server = await startServer({ bus, ledger })
    const produce = async (count: number) => {
      for (let i = 1; i <= count; i++) {
        ledger.head += 1
        bus.bring(ledger.event(ledger.head))
        if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const { received, pause, resume } = await slowClient(transport, server)
    await eventually(() => expect(received).toHaveLength(1))
    pause()
    // More than the kernel's buffers hold.
    await produce((32 * MiB) / EVENT)
    resume()
    await eventually(() => expect(received.at(-1)?.seq).toBe(ledger.head))
    await produce(3)
    await eventually(() => expect(received.at(-1)?.seq).toBe(ledger.head))
    let position = 0
    for (const { event, seq, conflated, recovered } of received.slice(1)) {
      if (event === 'balance_initial') {
        expect({ conflated, recovered }).toEqual({ conflated: true, recovered: false })
        expect(seq).toBeGreaterThan(position)
      } else {
        expect(seq).toBe(position + 1)
      }
      position = seq
    }
    expect(received.filter(({ conflated }) => conflated).length).toBeGreaterThan(0)
    expect(received.length).toBeLessThan(ledger.head)
  })
})
