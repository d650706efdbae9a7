import { spawn } from 'node:child_process'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, inject, onTestFinished } from 'vitest'
import { freePort } from '../../src/local/ports.ts'
import { openWire, People, payment, request } from '../support/conformance/api.ts'
import { conformance, isEdge, isNode, TRANSPORTS, test } from '../support/conformance/fixtures.ts'
import { eventually } from '../support/index.ts'
import { connectBy } from '../support/realtime/clients.ts'
import { sendSignal } from '../support/server-process.ts'

/** How each transport's client sees that it should come back. */
const COME_BACK = { 'Socket.IO': { code: 'transport close' }, SSE: {}, WebSocket: { code: 1012 } }

interface Run {
  /** Both streams. */
  output(): string
  code: Promise<number | null>
  stop(): void
}

/** Runs a program of the repository on the runtime. */
function run(
  args: string[],
  env: Record<string, string | undefined> = {},
  command: readonly string[] = inject('runtime').command,
): Run {
  const [program = '', ...before] = command
  const child = spawn(program, [...before, ...args], {
    env: { ...process.env, DATABASE_URL: undefined, REDIS_URL: undefined, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part) => {
      text += part
    })
  }
  return {
    output: () => text,
    code: new Promise((resolve) => child.once('close', resolve)),
    stop: () => sendSignal(child, 'SIGTERM'),
  }
}

conformance('the process', () => {
  describe('a drain', () => {
    test('ends streams so that clients come back, answers what it began, and exits with 0', async ({
      startServer,
    }) => {
      const server = await startServer({ DRAIN_SECONDS: '2' })
      const people = new People(server.url)
      const user = await people.payer(50)
      const clients = TRANSPORTS.map((transport) => connectBy[transport](server.url, user.token))
      await eventually(() => {
        for (const { received } of clients) expect(received).toHaveLength(1)
      })
      const body = JSON.stringify(payment(5))
      const wire = openWire(server.url)
      wire.write(
        [
          'POST /transactions HTTP/1.1',
          'Host: localhost',
          `Authorization: Bearer ${user.token}`,
          'Content-Type: application/json',
          `Content-Length: ${body.length}`,
          '',
          body.slice(0, 10),
        ].join('\r\n'),
      )
      // Answered only after the bytes above were read.
      const idle = openWire(server.url)
      idle.write('GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n')
      await eventually(() => expect(idle.received()).toMatch(/^HTTP\/1\.1 200 /))

      const ended = server.end('SIGTERM')
      await eventually(async () => {
        const refused = await connectBy.SSE(server.url, user.token).failure
        expect(refused.status ?? 'no connection').toBeOneOf([503, 'no connection'])
      })
      wire.write(body.slice(10))
      await eventually(() => expect(wire.received()).toMatch(/^HTTP\/1\.1 201 /))
      const ends = await Promise.all(clients.map(({ failure }) => failure))
      expect(ends).toEqual(TRANSPORTS.map((transport) => COME_BACK[transport]))
      for (const { received } of clients) {
        expect(received.map(({ event }) => event)).not.toContain('error')
      }
      expect(await ended).toBe(0)
    })

    test.skipIf(isEdge)(
      'fails readiness, and a second signal ends it at once',
      async ({ startServer }) => {
        const server = await startServer({ DRAIN_SECONDS: '60' })
        const ended = server.end('SIGTERM')
        await eventually(async () => {
          const { status, body } = await request(`${server.url}/health/ready`, 'GET')
          expect([status, body.status]).toEqual([503, 'not ready'])
        })
        void server.end('SIGTERM')
        expect(await ended).toBe(1)
      },
    )
  })

  test('a client resumes on the process that is started again', async ({ startServer }) => {
    const server = await startServer()
    const people = new People(server.url)
    const user = await people.payer(50)
    const client = connectBy.WebSocket(server.url, user.token)
    await eventually(() => expect(client.received).toHaveLength(1))
    await server.end('SIGKILL')
    await client.failure
    await server.start()
    await user.post('/transactions', payment(1))
    const lastEventId = client.received[0]?.data.id
    const again = connectBy.SSE(server.url, user.token, { lastEventId })
    await eventually(() => expect(again.seqs()).toEqual([3, 4]))
  })

  describe.skipIf(isEdge)('without a server', () => {
    test('a start that cannot succeed ends with 1 and one line', async () => {
      const wrong = run(['src/main.ts'], { PORT: 'http' })
      expect(await wrong.code).toBe(1)
      expect(wrong.output()).toBe('PORT must be a port number\n')
    })

    test('several processes share a port on Node, and are refused elsewhere', async ({
      database,
      redis,
    }) => {
      const several = run(['src/main.ts'], {
        ...{ DATABASE_URL: database.ownerUrl, REDIS_URL: redis.url, WORKERS: '2' },
        ...{ JWT_SECRET: 'a secret for this server: 32 bytes', HOST: '127.0.0.1', PORT: '0' },
      })
      if (!isNode) {
        expect(await several.code).toBe(1)
        expect(several.output()).toMatch(
          /^WORKERS: only Node can share a port among processes: .*\n$/,
        )
        return
      }
      await eventually(() => expect(several.output().match(/"a worker is up"/g)).toHaveLength(2), {
        timeout: 60_000,
      })
      several.stop()
      expect(await several.code).toBe(0)
    })

    test('a taken port ends the start', async ({ server, database, redis }) => {
      const second = run(['src/main.ts'], {
        DATABASE_URL: database.ownerUrl,
        REDIS_URL: redis.url,
        JWT_SECRET: 'a secret for this server: 32 bytes',
        HOST: '127.0.0.1',
        PORT: new URL(server.url).port,
      })
      expect(await second.code).toBe(1)
      expect(second.output()).toMatch(/port \d+ .*(in use|taken)/i)
    })

    test('the command line prints its help, and a token', async () => {
      const help = run(['src/cli/main.ts', '--help'])
      expect(await help.code).toBe(0)
      expect(help.output()).toMatch(/^ {2}token +Sign a token/m)
      const token = run(['src/cli/main.ts', 'token', '--sub', 'ann'], {
        JWT_SECRET: 'a secret for this server: 32 bytes',
      })
      expect(await token.code).toBe(0)
      expect(token.output()).toMatch(/eyJ[\w-]+\.[\w-]+\.[\w-]+/)
      const unknown = run(['src/cli/main.ts', 'nonsense'])
      expect(await unknown.code).not.toBe(0)
    })

    test('without a database it starts a private one, and ends it', async () => {
      const port = await freePort()
      const dataDir = await mkdtemp(join(inject('runFolder'), 'data-'))
      const server = run(
        ['src/main.ts'],
        { DATA_DIR: dataDir, PORT: String(port), DRAIN_SECONDS: '0.1' },
        inject('runtime').embedded,
      )
      await eventually(() => expect(server.output()).toContain('"msg":"Livebalance is ready"'), {
        timeout: 60_000,
      })
      const [, token = ''] = /^ {2}User +(\S+)$/m.exec(server.output()) ?? []
      const headers = { Authorization: `Bearer ${token}` }
      const url = `http://127.0.0.1:${port}/transactions/balance`
      expect((await request(url, 'GET', { headers })).body).toMatchObject({ balance: 0 })
      server.stop()
      expect(await server.code).toBe(0)
    }, 90_000)
  })
})
