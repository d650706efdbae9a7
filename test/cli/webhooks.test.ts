import { expect, test } from 'vitest'
import { livebalance } from '../support/cli/livebalance.ts'
import { serverOfSuite } from '../support/cli/server.ts'
import { startReceiver } from '../support/deliveries/receiver.ts'
import { describeWithRedis, eventually } from '../support/index.ts'

describeWithRedis('webhooks, with a server', () => {
  const beside = serverOfSuite({ WEBHOOK_ALLOW_PRIVATE: 'true' })
  const cli = (...args: string[]) => livebalance(beside.server.env, 'webhooks', ...args)

  test('are created, tested, watched, replayed, rotated and deleted', async () => {
    const shop = await startReceiver()
    const created = (await cli('create', shop.url, '--users', 'cli-ann,cli-bob', '--json')).json()
    expect(created).toMatchObject({ events: null, userIds: ['cli-ann', 'cli-bob'] })
    expect(created.secret).toMatch(/^whsec_/)

    const tested = await cli('test', created.id)
    expect([tested.code, tested.stdout]).toEqual([0, expect.stringContaining('status 204')])
    expect(shop.received.map(({ body }) => body.type)).toEqual(['webhook_test'])

    const topup = await beside.server.post('cli-ann', '/transactions/topup', { amount: 5 })
    await livebalance(beside.server.env, 'topups', 'approve', topup.id)
    await eventually(() => expect(shop.accepted('cli-ann')).toHaveLength(2))
    await eventually(async () => {
      expect((await cli('deliveries', created.id)).stdout).toMatch(/cli-ann +1-2 +delivered +204/)
    })
    const replay = await cli('replay', created.id, '--user', 'cli-ann', '--after-seq', '1')
    expect(replay.stdout).toBe('events of 1 users are sent\n')
    await eventually(() => expect(shop.accepted('cli-ann')).toHaveLength(3))

    const rotated = (await cli('rotate', created.id, '--overlap', '60', '--json')).json()
    expect(rotated.secret).not.toBe(created.secret)
    expect((await cli('pause', created.id)).stdout).toContain('paused')
    const listed = await cli('list')
    expect(listed.stdout).toContain('paused (admin)')
    expect(listed.stdout).not.toContain('whsec_')
    const shown = await cli('show', created.id)
    expect(shown.stdout).toContain('paused (admin)')
    expect(shown.stdout).toContain('users: cli-ann, cli-bob')
    expect(shown.stdout).not.toContain('whsec_')
    expect((await cli('resume', created.id)).stdout).toContain('active')
    shop.behave(() => ({ status: 500, body: 'sorry' }))
    const refused = await cli('test', created.id)
    expect([refused.code, refused.stdout]).toEqual([1, expect.stringContaining('sorry')])
    expect((await cli('delete', created.id)).stdout).toBe('deleted\n')
    expect((await cli('list')).stdout).toBe('There are none.\n')
  })

  test('a wrong call says what is wrong with it', async () => {
    const id = '019a4e5c-0000-7000-8000-000000000001'
    for (const [args, reason] of [
      [['create'], 'name one URL'],
      [['create', 'https://a.example', '--events', 'nothing'], 'there is no event nothing'],
      [['rotate', id, '--overlap', 'soon'], '--overlap'],
      [['deliveries', id, '--limit', '0'], '--limit'],
      [['replay', id, '--after-seq', '-1'], 'after-seq'],
    ] as const) {
      const { code, stderr } = await cli(...args)
      expect([code, stderr]).toEqual([2, expect.stringContaining(reason)])
    }
    const { code, stderr } = await cli('test', id)
    expect([code, stderr]).toEqual([1, expect.stringContaining('There is no such webhook.')])
  })
})
