import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import { describe, expect, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { conformance, isEdge, SENDING, TRANSPORTS, test } from '../support/conformance/fixtures.ts'
import { eventually } from '../support/index.ts'
import { connectBy, type TestClient } from '../support/realtime/clients.ts'

const started = ({ received }: TestClient) => eventually(() => expect(received).toHaveLength(1))

/** How each transport's client sees that the server closed its connection with this code. */
const CLOSED = {
  'Socket.IO': (_code: number) => ({ code: 'transport close' }),
  SSE: (_code: number) => ({}),
  WebSocket: (code: number) => ({ code }),
}

/** A raw WebSocket, once it has its balance. */
async function rawClient(url: string, token: string) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/balance?token=${token}`)
  onTestFinished(() => socket.terminate())
  const messages: { event: string; code?: string }[] = []
  socket.on('message', (text) => messages.push(JSON.parse(String(text))))
  socket.on('error', () => {})
  const closed = new Promise<[number, string]>((resolve) =>
    socket.on('close', (code, reason) => resolve([code, String(reason)])),
  )
  await eventually(() => expect(messages).toHaveLength(1))
  return { socket, messages, closed, wire: (socket as unknown as { _socket: Socket })._socket }
}

conformance('the last message before a close, and its code', () => {
  describe.each(TRANSPORTS)('%s', (transport) => {
    test('when the token expires', async ({ people }) => {
      const { token } = await people.user({ expiresIn: 3 })
      const client = connectBy[transport](people.url, token)
      await started(client)
      expect(await client.failure).toEqual(CLOSED[transport](4401))
      expect(client.received.slice(1)).toMatchObject([
        { event: 'token_expiring', data: { expiresAt: expect.any(String) } },
        { event: 'error', data: { code: 'token_expired' } },
      ])
    })

    test('when the token is revoked', async ({ people }) => {
      const tokenId = randomUUID()
      const { token } = await people.user({ id: tokenId })
      const client = connectBy[transport](people.url, token)
      await started(client)
      const admin = await people.admin()
      expect((await admin.post('/admin/revocations', { tokenId })).status).toBe(201)
      expect(await client.failure).toEqual(CLOSED[transport](4401))
      expect(client.received.slice(1)).toMatchObject([
        { event: 'error', data: { code: 'token_revoked' } },
      ])
    })
  })

  describe.each(SENDING)('%s', (transport) => {
    test('after too many messages', async ({ people }) => {
      const { token } = await people.user()
      const client = connectBy[transport](people.url, token)
      await started(client)
      // Of two seconds, whichever of them the server counts.
      for (let i = 0; i < 50; i++) client.send('subscribe_balance')
      expect(await client.failure).toEqual(CLOSED[transport](1008))
      expect(client.received.at(-1)).toMatchObject({
        event: 'error',
        data: { code: 'rate_limited' },
      })
    })

    test('after a message of more than 16 KiB', async ({ people }) => {
      const { token } = await people.user()
      const client = connectBy[transport](people.url, token)
      await started(client)
      client.send('authenticate', 'x'.repeat(16_385))
      expect(await client.failure).toEqual(CLOSED[transport](1009))
      expect(client.received.at(-1)).toMatchObject({
        event: 'error',
        data: { code: 'message_too_large' },
      })
    })
  })

  describe('WebSocket', () => {
    // Deno and Bun close by themselves for these, with the code and without a message.
    test.skipIf(isEdge).for<[string, number[], number]>([
      ['a frame that is none', [0xff, 0xff, 0xff, 0xff], 1002],
      ['text that is not UTF-8', [0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], 1007],
    ])('after %s', async ([_, bytes, code], { people }) => {
      const { token } = await people.user()
      const { messages, closed, wire } = await rawClient(people.url, token)
      wire.write(Buffer.from(bytes))
      expect((await closed)[0]).toBe(code)
      expect(messages[1]).toMatchObject({ event: 'error', code: 'invalid_request' })
    })

    test.skipIf(isEdge).for(['ping', 'pong'] as const)(
      'after a flood of %s',
      async (frame, { people }) => {
        const { token } = await people.user()
        const { socket, messages, closed } = await rawClient(people.url, token)
        for (let i = 0; i < 1000; i++) socket[frame]()
        expect(await closed).toEqual([1008, 'rate_limited'])
        expect(messages.at(-1)).toMatchObject({ event: 'error', code: 'rate_limited' })
      },
    )

    test('a message with a key twice is refused, and the connection stays', async ({ people }) => {
      const { token } = await people.user()
      const { socket, messages } = await rawClient(people.url, token)
      socket.send('{"event":"get_current_balance","event":"subscribe_balance"}')
      await eventually(() => expect(messages).toHaveLength(2))
      socket.send(JSON.stringify({ event: 'get_current_balance' }).padEnd(16_384))
      await eventually(() => expect(messages).toHaveLength(3))
      expect(messages.slice(1)).toMatchObject([
        { event: 'error', code: 'invalid_request' },
        { event: 'balance_current' },
      ])
    })

    test('a message in fragments, with a ping between them, is one message', async ({ people }) => {
      const { token } = await people.user()
      const { socket, messages } = await rawClient(people.url, token)
      const text = JSON.stringify({ event: 'get_current_balance' })
      socket.send(text.slice(0, 9), { fin: false })
      socket.ping()
      socket.send(text.slice(9))
      await eventually(() => expect(messages[1]).toMatchObject({ event: 'balance_current' }))
    })

    test('a client that closes gets its code back', async ({ people }) => {
      const { token } = await people.user()
      const { socket, closed } = await rawClient(people.url, token)
      socket.close(1000, 'done')
      expect((await closed)[0]).toBe(1000)
    })
  })
})
