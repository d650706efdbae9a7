import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, expect, onTestFinished, vi } from 'vitest'
import { WebSocket } from 'ws'
import type { Authenticator } from '../../src/auth/principal.ts'
import { eventually } from '../support/index.ts'
import {
  connectBy,
  startServer,
  type TestServer,
  TRANSPORTS,
  tokenOf,
} from '../support/realtime/balance-server.ts'
import { ALICE } from '../support/realtime/fake-ledger.ts'
import { test } from '../support/realtime/fixtures.ts'

const wsOf = (url: string) => url.replace('http', 'ws')

/** A Socket.IO client that sends raw packets and keeps the received ones. */
async function engine(url: string) {
  const socket = new WebSocket(`${wsOf(url)}/socket.io/?EIO=4&transport=websocket`)
  const packets: string[] = []
  socket.on('message', (text) => packets.push(String(text)))
  socket.on('error', () => {})
  const closed = once(socket, 'close').then(([code]) => code as number)
  onTestFinished(() => socket.terminate())
  await once(socket, 'open')
  const join = async (token: string) => {
    socket.send(`40/balance,${JSON.stringify({ token })}`)
    await eventually(() => expect(packets.join('\n')).toContain('42/balance,["balance_initial"'))
  }
  return { socket, packets, closed, join }
}

/** A raw WebSocket with its received messages and its close code. */
async function plain(url: string, token: string) {
  const socket = new WebSocket(`${wsOf(url)}/balance?token=${token}`)
  const messages: { event: string; code?: string }[] = []
  socket.on('message', (text) => messages.push(JSON.parse(String(text))))
  socket.on('error', () => {})
  const closed = once(socket, 'close').then(([code]) => code as number)
  onTestFinished(() => socket.terminate())
  await eventually(() => expect(messages).toHaveLength(1))
  return { socket, messages, closed, wire: (socket as unknown as { _socket: Socket })._socket }
}

describe('a message of more than 16 KiB', () => {
  test('over WebSocket is answered with an error, and closed with 1009', async ({ testServer }) => {
    const { url } = testServer
    const { socket, messages, closed } = await plain(url, await tokenOf(ALICE))
    socket.send('x'.repeat(16_385))
    expect(await closed).toBe(1009)
    expect(messages[1]).toMatchObject({ event: 'error', code: 'message_too_large' })
  })

  test('over Socket.IO too', async ({ testServer }) => {
    const { url } = testServer
    const { socket, packets, closed, join } = await engine(url)
    await join(await tokenOf(ALICE))
    socket.send(`42/balance,["authenticate","${'x'.repeat(16_385)}"]`)
    expect(await closed).toBe(1009)
    expect(packets.at(-1)).toMatch(/^42\/balance,\["error",\{"code":"message_too_large"/)
  })

  test('one of exactly 16 KiB is accepted', async ({ testServer }) => {
    const { url } = testServer
    const { socket, messages } = await plain(url, await tokenOf(ALICE))
    socket.send(JSON.stringify({ event: 'get_current_balance' }).padEnd(16_384))
    await eventually(() => expect(messages[1]?.event).toBe('balance_current'))
  })
})

test.for<[string, Buffer, number]>([
  ['a frame that is none', Buffer.from([0xff, 0xff, 0xff, 0xff]), 1002],
  ['text that is no UTF-8', Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]), 1007],
])(
  '%s is answered with an error, and closed with a code',
  async ([_, bytes, code], { testServer }) => {
    const { url } = testServer
    const { messages, closed, wire } = await plain(url, await tokenOf(ALICE))
    wire.write(bytes)
    expect(await closed).toBe(code)
    expect(messages[1]).toMatchObject({ event: 'error', code: 'invalid_request' })
  },
)

describe('a message with a key twice is refused', () => {
  test('over WebSocket, with an error', async ({ testServer }) => {
    const { url } = testServer
    const { socket, messages } = await plain(url, await tokenOf(ALICE))
    socket.send('{"event":"get_current_balance","event":"subscribe_balance"}')
    await eventually(() => expect(messages).toHaveLength(2))
    expect(messages[1]).toMatchObject({ event: 'error', code: 'invalid_request' })
  })

  test('over Socket.IO, by the end of the connection', async ({ testServer }) => {
    const { url } = testServer
    const token = JSON.stringify(await tokenOf(ALICE))
    for (const packet of [
      `40/balance,{"token":"nonsense","token":${token}}`,
      `40/balance,{"token":${token},"auth":{"a":1,"\\u0061":2}}`,
    ]) {
      const { socket, packets, closed } = await engine(url)
      socket.send(packet)
      await closed
      expect(packets.filter((one) => one.startsWith('4'))).toEqual([])
    }
    const joined = await engine(url)
    await joined.join(await tokenOf(ALICE))
    joined.socket.send(`42/balance,["authenticate",{"token":"nonsense","token":${token}}]`)
    await joined.closed
    expect(joined.packets.join('\n')).not.toContain('authenticated')
  })
})

describe.each(['WebSocket', 'Socket.IO'] as const)(
  'over %s, frames that end no message count as messages',
  (how) => {
    async function connected({ url }: TestServer) {
      const token = await tokenOf(ALICE)
      if (how === 'WebSocket') return await plain(url, token)
      const client = await engine(url)
      await client.join(token)
      return client
    }

    test.for(['ping', 'pong'] as const)(
      'a flood of %s frames ends the connection',
      async (frame, { testServer }) => {
        const { socket, closed } = await connected(testServer)
        for (let i = 0; i < 1000; i++) socket[frame]()
        expect(await closed).toBe(1008)
      },
    )

    test('a flood of empty fragments ends the connection', async ({ testServer }) => {
      const { socket, closed } = await connected(testServer)
      for (let i = 0; i < 10_000; i++) socket.send('', { fin: false })
      expect(await closed).toBe(1008)
    })

    test('a message that is never finished ends the connection', async ({ testServer }) => {
      const { socket, closed } = await connected(testServer)
      socket.send('x'.repeat(200), { fin: false })
      expect(await closed).toBe(1008)
    })
  },
)

test('a message in fragments with a ping between them is accepted', async ({ testServer }) => {
  const { url } = testServer
  const { socket, messages } = await plain(url, await tokenOf(ALICE))
  const text = JSON.stringify({ event: 'get_current_balance' })
  for (let i = 0; i < 3; i++) {
    socket.send(text.slice(0, 9), { fin: false })
    socket.ping()
    socket.send(text.slice(9))
    await eventually(() => expect(messages[i + 1]?.event).toBe('balance_current'))
  }
})

describe('a Socket.IO client', () => {
  test('that sends an unknown event gets an error, by event and by callback', async ({
    testServer,
  }) => {
    const { url } = testServer
    const { socket, packets, join } = await engine(url)
    await join(await tokenOf(ALICE))
    socket.send('42/balance,7["no_such_event"]')
    await eventually(() => {
      expect(packets.slice(-2)).toEqual([
        expect.stringMatching(/^42\/balance,\["error",\{"code":"invalid_request"/),
        expect.stringMatching(/^43\/balance,7\[\{"code":"invalid_request"/),
      ])
    })
  })

  test('may not try token after token before it is authenticated', async () => {
    let tried = 0
    const authenticator: Authenticator = {
      async authenticate() {
        tried += 1
        throw new Error('no')
      },
    }
    const { url } = await startServer({ authenticator, messagesPerSecond: 5 })
    const { socket, packets, closed } = await engine(url)
    // All of it happens within one second, however slow the machine is.
    const clock = vi.spyOn(performance, 'now').mockReturnValue(performance.now())
    onTestFinished(() => clock.mockRestore())
    for (let i = 1; i <= 100 && socket.readyState === WebSocket.OPEN; i++) {
      socket.send('40/balance,{"token":"guess"}')
      const refused = () => packets.filter((text) => text.startsWith('44/balance,')).length
      await Promise.race([closed, eventually(() => expect(refused()).toBe(i))])
    }
    expect(tried).toBe(5)
  })

  test('that never authenticates is closed', async () => {
    const { url } = await startServer({ handshakeTimeoutMs: 100 })
    const { closed } = await engine(url)
    await closed
  })

  test('has one stream on one connection', async ({ testServer }) => {
    const { url, gateway } = testServer
    const { socket, packets } = await engine(url)
    const join = `40/balance,${JSON.stringify({ token: await tokenOf(ALICE) })}`
    socket.send(join)
    socket.send(join)
    await eventually(() => {
      expect(packets.join('\n')).toMatch(/44\/balance,.*"conflict"/)
      expect(packets.filter((text) => text.includes('balance_initial'))).toHaveLength(1)
    })
    expect(gateway.connections.counts['socket.io']).toBe(1)
  })

  test('that leaves the namespace loses the connection, which no longer counts', async ({
    testServer,
  }) => {
    const { url, gateway } = testServer
    const { socket, closed, join } = await engine(url)
    await join(await tokenOf(ALICE))
    socket.send('41/balance,')
    await closed
    expect(gateway.connections.counts['socket.io']).toBe(0)
  })
})

describe.each(TRANSPORTS)('%s', (transport) => {
  test('a client is rejected when its authentication takes too long, and does not count', async () => {
    let answer: () => void = () => {}
    const authenticator: Authenticator = {
      async authenticate() {
        await new Promise<void>((resolve) => {
          answer = resolve
        })
        return { ...ALICE, isAdmin: false, isService: false, expiresAt: Date.now() }
      },
    }
    const options = { authenticator, handshakeTimeoutMs: 100, connectionsPerUser: 1 }
    const { url, gateway } = await startServer(options)
    const failure = await connectBy[transport](url, 'slow').failure
    // Socket.IO's own timeout expires at the same time, and closes without an error event.
    if (transport !== 'Socket.IO') expect(failure).toMatchObject({ status: 503 })
    answer()
    await eventually(async () => {
      const admitted = gateway.admission.admit({ token: 'again' })
      answer()
      gateway.admission.release(await admitted)
    })
  })
})

describe.each(['Socket.IO', 'WebSocket'] as const)('%s', (transport) => {
  test('a client that keeps asking without reading is disconnected', async () => {
    const bounds = { maxQueuedBytes: 64 * 1024 }
    const { url, gateway } = await startServer({ messagesPerSecond: 1e9, bounds })
    const ask =
      transport === 'WebSocket'
        ? '{"event":"subscribe_balance"}'
        : '42/balance,["subscribe_balance"]'
    let socket: WebSocket
    if (transport === 'WebSocket') {
      socket = (await plain(url, await tokenOf(ALICE))).socket
    } else {
      const client = await engine(url)
      await client.join(await tokenOf(ALICE))
      socket = client.socket
    }
    socket.pause()
    await eventually(async () => {
      for (let i = 0; i < 2000 && socket.readyState === WebSocket.OPEN; i++) socket.send(ask)
      expect(gateway.users).toBe(0)
    })
  })
})

describe('an upgrade', () => {
  async function raw(url: string, lines: string[]): Promise<string> {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    let answer = ''
    socket.on('data', (bytes) => {
      answer += bytes
    })
    socket.write(`${lines.join('\r\n')}\r\n\r\n`)
    await once(socket, 'close')
    return answer
  }

  test('that is no valid WebSocket handshake is 400, and does not count', async () => {
    const { url } = await startServer({ connectionsPerUser: 1 })
    const path = `GET /balance?token=${await tokenOf(ALICE)} HTTP/1.1`
    const head = ['Host: localhost', 'Connection: Upgrade']
    for (const rest of [
      ['Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: short'],
      ['Upgrade: websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='],
    ]) {
      expect(await raw(url, [path, ...head, ...rest])).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
    }
    await plain(url, await tokenOf(ALICE))
  })

  test('to a malformed target is 400', async ({ testServer }) => {
    const { url } = testServer
    const head = ['Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket']
    for (const target of ['//', 'http://[/balance']) {
      const answer = await raw(url, [`GET ${target} HTTP/1.1`, ...head])
      expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
      expect(answer).toContain('"code":"invalid_request"')
    }
  })
})
