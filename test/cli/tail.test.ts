import { expect, test } from 'vitest'
import { describeWithRedis } from '../support/index.ts'
import { inProcess, livebalance, start } from './livebalance.ts'
import { serverOfSuite } from './server.ts'

describeWithRedis('tail, with a server', () => {
  const beside = serverOfSuite()
  const cli = (...args: string[]) => livebalance(beside.server.env, ...args)
  const topup = (amount: number | string, sub = 'cli-tail') =>
    beside.server.post(sub, '/transactions/topup', { amount })

  test('tail prints what happens, by user and by event, and ends with 0', async () => {
    const tails = [
      start(beside.server.env, 'tail', '--user', 'cli-tail'),
      start(beside.server.env, 'tail', '--json', '--event', 'transaction_completed'),
      start(beside.server.env, 'tail', '--user', 'cli-tail', '--url', beside.server.url, '--json'),
    ]
    await Promise.all(tails.map((tail) => tail.printed(/Listening|Following/)))
    await cli('topups', 'reject', (await topup(4)).id)
    for (const sub of ['cli-other', 'cli-tail']) {
      const { id } = await topup(12.5, sub)
      await cli('topups', 'approve', id)
    }
    await Promise.all(
      tails.map((tail) =>
        tail.printed(/cli-tail.*transaction_completed|transaction_completed.*cli-tail/),
      ),
    )
    const [text, json, stream] = await Promise.all(tails.map((tail) => tail.interrupt()))
    for (const ran of [text, json, stream]) expect(ran?.code).toBe(0)
    expect(text?.stdout).toMatch(
      /cli-tail {2}balance_updated {2}\+12\.5 USD, now 12\.5 USD {2}topup/,
    )
    expect(text?.stdout).toMatch(/cli-tail {2}transaction_failed {2}4 USD {2}topup {2}failed/)
    expect(text?.stdout).not.toContain('cli-other')
    const lines = (ran = json) =>
      (ran?.stdout ?? '')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    expect(lines().map(({ event, userId }) => [event, userId])).toEqual(
      expect.arrayContaining([
        ['transaction_completed', 'cli-other'],
        ['transaction_completed', 'cli-tail'],
      ]),
    )
    expect(new Set(lines().map(({ event }) => event)).size).toBe(1)
    expect(lines(stream).map(({ event }) => event)).toEqual([
      'balance_initial',
      'transaction_failed',
      'balance_updated',
      'transaction_completed',
    ])
  })
  test('an event that Redis never tells of is wrong usage, not a long wait', async () => {
    const { code, stderr } = await inProcess(
      beside.server.env,
      'tail',
      '--event',
      'balance_initial',
    )
    expect([code, stderr]).toEqual([2, expect.stringContaining('is one of balance_updated, ')])
  })

  test('tail tells that a token of a server’s stream is about to expire', async () => {
    const { env, url } = beside.server
    const args = ['--user', 'cli-brief', '--url', url, '--event', 'token_expiring', '--json']
    const tail = start({ ...env, JWT_MAX_LIFETIME: '40s' }, 'tail', ...args)
    await tail.printed(/"event":"token_expiring".*"expiresAt":"2/)
    const { stdout } = await tail.interrupt()
    expect(stdout).not.toContain('balance_initial')
  })
})
