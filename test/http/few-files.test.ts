import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import { freePort } from '../../src/local/ports.ts'
import { test as base } from '../support/fixtures.ts'
import {
  describeWithRedis,
  eventually,
  mintToken,
  redisUrl,
  TEST_SECRET,
} from '../support/index.ts'

/** The server as a process that may have so many files open. */
const test = base.extend('start', async ({ database }, { onCleanup }) => async (files: number) => {
  const port = await freePort()
  const child = spawn(
    'sh',
    ['-c', `ulimit -n ${files}; exec "${process.execPath}" --import tsx src/main.ts`],
    {
      env: {
        ...{ PATH: process.env.PATH, PORT: String(port), HOST: '127.0.0.1', DRAIN_SECONDS: '0' },
        ...{ DATABASE_URL: database.ownerUrl, REDIS_URL: redisUrl(), JWT_SECRET: TEST_SECRET },
        ...{ RATE_LIMIT_IP_READS: '0', NODE_ENV: 'production' },
      },
    },
  )
  onCleanup(() => void child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  await eventually(() => expect(output).toContain('Livebalance is ready'), { timeout: 60_000 })
  return { child, port, output: () => output, url: `http://127.0.0.1:${port}` }
})

/** A connection that stays open after its answer. `closed` if it got none. */
async function keptAlive(port: number): Promise<{ socket: Socket; answer: string }> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  let answer = ''
  socket.setEncoding('utf8').on('data', (text) => {
    answer += text
  })
  socket.write('GET /transactions/balance HTTP/1.1\r\nHost: localhost\r\n\r\n')
  // A connection that is closed on arrival may also end in a reset.
  await new Promise((resolve) => socket.once('data', resolve).once('close', resolve))
  return { socket, answer: answer.slice(0, 12) || 'closed' }
}

describeWithRedis('a process that may open few files', () => {
  test.for([
    [96, 40],
    [160, 104],
  ] as const)(
    '%s of them takes %s clients, tells or closes the others, and recovers',
    async ([files, clients], { start }) => {
      const { child, port, url, output } = await start(files)
      expect(output()).toContain(`ulimit -n is low: only ${clients} clients can be connected`)
      const admitted = []
      for (let i = 0; i < clients; i++) admitted.push(await keptAlive(port))
      expect(new Set(admitted.map(({ answer }) => answer))).toEqual(new Set(['HTTP/1.1 401']))

      const more = await fetch(`${url}/transactions/balance`, { headers: { Connection: 'close' } })
      expect([more.status, more.headers.get('retry-after'), await more.json()]).toEqual([
        503,
        '1',
        expect.objectContaining({ code: 'unavailable' }),
      ])
      expect(
        (await fetch(`${url}/health/ready`, { headers: { Connection: 'close' } })).status,
      ).toBe(200)
      // As many again, at once: nothing waits, and the files that the process needs itself stay free.
      const crowd = await Promise.all(Array.from({ length: files }, () => keptAlive(port)))
      const answers = new Set(crowd.map(({ answer }) => answer))
      for (const answer of answers) expect(['HTTP/1.1 503', 'closed']).toContain(answer)
      expect(readdirSync(`/proc/${child.pid}/fd`).length).toBeLessThan(files)

      for (const { socket } of [...admitted, ...crowd]) socket.destroy()
      const token = await mintToken({ sub: 'ann' })
      const headers = { Authorization: `Bearer ${token}`, Connection: 'close' }
      await eventually(async () => {
        const response = await fetch(`${url}/transactions/balance`, { headers })
        expect(response.status).toBe(200)
      })
      expect(child.exitCode).toBeNull()
      child.kill('SIGTERM')
      expect(await once(child, 'exit')).toEqual([0, null])
    },
  )
})
