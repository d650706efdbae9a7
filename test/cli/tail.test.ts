import { expect, test } from 'vitest'
import { freePort } from '../../src/local/ports.ts'
import { Shards } from '../../src/realtime/bus/shards.ts'
import { inProcess, start } from '../support/cli/livebalance.ts'
import { serverOfSuite } from '../support/cli/server.ts'
import {
  describeWithPrivateRedis,
  describeWithRedis,
  startConfiguredRedis,
} from '../support/index.ts'
import { startCluster } from '../support/realtime/cluster.ts'

describeWithRedis('tail, with a server', () => {
  const beside = serverOfSuite()
  const cli = (...args: string[]) => inProcess(beside.server.env, ...args)
  const topup = (amount: number | string, sub = 'cli-tail') =>
    beside.server.post(sub, '/transactions/topup', { amount })

  test('tail prints what happens, by user and by event, and ends with 0', async () => {
    const tails = await Promise.all([
      start(beside.server.env, 'tail', '--user', 'cli-tail'),
      start(beside.server.env, 'tail', '--json', '--event', 'transaction_completed'),
      start(beside.server.env, 'tail', '--user', 'cli-tail', '--url', beside.server.url, '--json'),
    ])
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
    const tail = await start({ ...env, JWT_MAX_LIFETIME: '40s' }, 'tail', ...args)
    await tail.printed(/"event":"token_expiring".*"expiresAt":"2/)
    const { stdout } = await tail.interrupt()
    expect(stdout).not.toContain('balance_initial')
  })
})

describeWithPrivateRedis('tail, where Redis does not let it listen', () => {
  const PASSWORD = 's3cret/p@ss'
  const ENCODED = encodeURIComponent(PASSWORD)
  const tail = (url: string) => inProcess({ REDIS_URL: url }, 'tail', '--json')

  async function refusal(url: string) {
    const { code, stdout, stderr } = await tail(url)
    expect([code, stdout]).toEqual([1, ''])
    for (const secret of [PASSWORD, ENCODED]) expect(stderr).not.toContain(secret)
    // One line, and no stack.
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    return JSON.parse(stderr).error as { code: string; message: string }
  }

  test('a wrong password, or none, is said in one line with the setting to look at', async () => {
    const { port } = await startConfiguredRedis(['requirepass another'])
    const wrong = await refusal(`redis://:${ENCODED}@127.0.0.1:${port}`)
    expect(wrong).toEqual({
      code: 'refused',
      message: `cannot listen to Redis at 127.0.0.1:${port}: Redis refuses the user or the password (WRONGPASS). Check: the user and the password in REDIS_URL`,
    })
    const none = await refusal(`redis://127.0.0.1:${port}`)
    expect(none).toMatchObject({ code: 'refused', message: expect.stringContaining('(NOAUTH)') })
  })

  test('a user who may not read the channel', async () => {
    const rules = 'on >pw ~* resetchannels +@all'
    const { port } = await startConfiguredRedis([`user app ${rules}`])
    const { code, message } = await refusal(`redis://app:pw@127.0.0.1:${port}`)
    expect([code, message]).toEqual(['refused', expect.stringContaining('(NOPERM)')])
  })

  test('Sentinels that are down, and a cluster that is', async () => {
    const down = `127.0.0.1:${await freePort()}`
    const sentinels = await refusal(`redis-sentinel://:${ENCODED}@${down}/main`)
    expect(sentinels).toEqual({
      code: 'unreachable',
      message: expect.stringContaining('no Sentinel can be reached (SENTINEL_DOWN)'),
    })
    const nodes = await refusal(`redis-cluster://:${ENCODED}@${down}`)
    expect(nodes.message).toContain('no Redis listens there (ECONNREFUSED)')
  })

  test('a host that is not known, and one where nothing listens', async () => {
    const unknown = await refusal(`redis://:${ENCODED}@no-such-host.invalid`)
    expect(unknown).toEqual({
      code: 'unreachable',
      message: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/),
    })
    const none = await refusal(`redis://:${ENCODED}@127.0.0.1:${await freePort()}`)
    expect(none).toEqual({
      code: 'unreachable',
      message: expect.stringContaining('no Redis listens there (ECONNREFUSED)'),
    })
  })
})

describeWithPrivateRedis('tail, with a cluster', () => {
  test('prints the events of any node', async () => {
    const cluster = await startCluster()
    const tail = await start({ REDIS_CLUSTER: cluster.hosts }, 'tail', '--json')
    await tail.printed(/Listening to 1024 shards of balance:updates at cluster 127/)
    const shards = new Shards(1024, true)
    const publish = async (userId: string) => {
      const user = { tenant: 'default', userId }
      const node = await cluster.primaryOf(shards.tagOf(user))
      const event = JSON.stringify({ event: 'balance_updated', userId })
      await node.admin.spublish(shards.channelOf(user), event)
    }
    for (const userId of ['ann', 'bob', 'cid', 'dan', 'eve']) {
      await publish(userId)
      await tail.printed(new RegExp(`"userId":"${userId}"`))
    }
    const tag = shards.tagOf({ tenant: 'default', userId: 'ann' })
    await cluster.moveSlot(tag)
    await tail.printed(/events may be missing here[\s\S]*Connected again/)
    await publish('ann')
    await tail.printed(/"ann"[\s\S]*"ann"/)
    expect((await tail.interrupt()).code).toBe(0)
  })
})
