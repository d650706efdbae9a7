import { Redis } from 'ioredis'
import { io } from 'socket.io-client'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { livebalance } from '../support/cli/livebalance.ts'
import { serverOfSuite } from '../support/cli/server.ts'
import { describeWithRedis, eventually, mintToken, redisUrl } from '../support/index.ts'

/** ISO 8601 in UTC, so that they sort as text. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/
const timesIn = (text: string) => text.match(/\d{4}-\d\d-\d\dT[^"\s\\]*/g) ?? []

describeWithRedis('every time that leaves the server has six decimals', () => {
  const beside = serverOfSuite()

  /** All output of one channel so far, as text. */
  type Heard = Record<'sse' | 'websocket' | 'socket.io' | 'redis', string>

  async function listen(token: string): Promise<Heard> {
    const { url } = beside.server
    const heard: Heard = { sse: '', websocket: '', 'socket.io': '', redis: '' }

    const abort = new AbortController()
    const headers = { Authorization: `Bearer ${token}` }
    const stream = await fetch(`${url}/balance/stream`, { headers, signal: abort.signal })
    const reading = stream.body?.pipeThrough(new TextDecoderStream())
    const read = async () => {
      for await (const text of reading ?? []) heard.sse += text
    }
    read().catch(() => {})

    const plain = new WebSocket(`${url.replace('http', 'ws')}/balance?token=${token}`)
    plain.on('message', (text) => {
      heard.websocket += text
    })

    const socket = io(`${url}/balance`, { auth: { token } })
    socket.onAny((...said) => {
      heard['socket.io'] += JSON.stringify(said)
    })

    const redis = new Redis(redisUrl())
    redis.on('message', (_, text) => {
      heard.redis += text
    })
    await redis.subscribe('balance:updates')
    onTestFinished(() => {
      abort.abort()
      plain.terminate()
      socket.disconnect()
      redis.disconnect()
    })
    await eventually(() => expect([plain.readyState, socket.connected]).toEqual([plain.OPEN, true]))
    return heard
  }

  test('on the streams and the channel, including refused debits and notices', async () => {
    const { post } = beside.server
    // So short that each connection gets `token_expiring` at once.
    const heard = await listen(await mintToken({ sub: 'time-ann', expiresIn: 50 }))
    // One time in ten ends with a zero digit: thirty times with six digits are no coincidence.
    for (let i = 0; i < 10; i++) {
      const gift = { userId: 'time-ann', amount: 1, description: 'a gift' }
      await post('ada', '/transactions/adjustment', gift, ['admin'])
    }
    const debit = { type: 'booking_payment', amount: 1_000 }
    await expect(post('time-ann', '/transactions', debit)).rejects.toThrow('402')
    for (const way of Object.keys(heard) as (keyof Heard)[]) {
      await eventually(() =>
        expect([way, heard[way]]).toEqual([way, expect.stringContaining('shortfall')]),
      )
      const notice = way === 'redis' ? 'shortfall' : 'token_expiring'
      await eventually(() =>
        expect([way, heard[way]]).toEqual([way, expect.stringContaining(notice)]),
      )
      const times = timesIn(heard[way])
      expect(times.length).toBeGreaterThan(20)
      for (const time of times) expect([way, time]).toEqual([way, expect.stringMatching(TIME)])
    }
  })

  test('of tickets, and in what the command line prints', async () => {
    const { post, env } = beside.server
    await post('time-bob', '/transactions/topup', { amount: 5 })
    const texts: Record<string, string> = {
      'a ticket': JSON.stringify(await post('time-bob', '/balance/ticket', {})),
    }
    for (const args of [
      ['topups', 'list', '--json'],
      ['topups', 'list'],
      ['token', '--sub', 'time-bob', '--json'],
    ]) {
      texts[args.join(' ')] = (await livebalance(env, ...args)).stdout
    }
    for (const [way, text] of Object.entries(texts)) {
      expect([way, timesIn(text)]).not.toEqual([way, []])
      for (const time of timesIn(text)) {
        expect([way, time]).toEqual([way, expect.stringMatching(TIME)])
      }
    }
  })
})
