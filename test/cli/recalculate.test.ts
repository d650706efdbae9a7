import postgres from 'postgres'
import { expect, onTestFinished, test } from 'vitest'
import { inProcess, livebalance, start } from '../support/cli/livebalance.ts'
import { serverOfSuite } from '../support/cli/server.ts'
import { describeWithRedis, eventually, mintToken } from '../support/index.ts'

describeWithRedis('recalculate, with a server', () => {
  const beside = serverOfSuite()
  const cli = (...args: string[]) => livebalance(beside.server.env, ...args)

  test('recalculate repairs one wallet or all, tells the clients, and sets the cache right', async () => {
    for (const sub of ['cli-bob', 'cli-carol']) {
      await beside.server.post(
        'ada',
        '/transactions/adjustment',
        { userId: sub, amount: 70, description: 'x' },
        ['admin'],
      )
    }
    const sql = postgres(beside.database.ownerUrl, { max: 1 })
    onTestFinished(() => sql.end())
    const spoil = (sub: string) =>
      sql`update balance_snapshots set balance = balance + 500 where user_id = ${sub}`
    await spoil('cli-bob')
    const audit = await cli('audit', '--json')
    expect([audit.code, audit.json().sound]).toEqual([1, false])
    const [{ inaccurate, discrepancies }] = audit.json().tenants
    expect(inaccurate).toBe(1)
    expect(discrepancies[0]).toMatchObject({
      userId: 'cli-bob',
      snapshotBalance: 75,
      calculatedBalance: 70,
    })
    const told = await cli('audit', '--tenant', 'default')
    expect([told.code, told.stdout]).toEqual([1, expect.stringMatching(/cli-bob +USD +75 +70 /)])

    const tail = await start(beside.server.env, 'tail', '--user', 'cli-bob', '--json')
    await tail.printed(/Listening/)
    const one = await cli('recalculate', 'cli-bob', '--json')
    expect(one.json()).toMatchObject({ previousBalance: 75, newBalance: 70, corrected: true })
    await tail.printed(/"event":"balance_updated".*"newBalance":70/)

    await spoil('cli-carol')
    const all = await cli('recalculate', '--all', '--json')
    expect(all.json()).toMatchObject({ corrected: 1 })
    expect(all.json().total).toBeGreaterThanOrEqual(2)
    const token = await mintToken({ sub: 'cli-carol' })
    const cached = await eventually(() =>
      fetch(`${beside.server.url}/transactions/balance/cached`, {
        headers: { Authorization: `Bearer ${token}` },
      }),
    )
    expect(await cached.json()).toEqual({ balance: 70, cached: true })
    expect(await cli('audit')).toMatchObject({ code: 0, stdout: expect.stringContaining('sound') })
    expect((await cli('recalculate', 'cli-nobody')).code).toBe(1)
    expect((await cli('audit', '--tenant', 'acme')).code).toBe(1)
  })
  test('recalculate --all counts wallets, and a tenant without any is a mistake', async () => {
    const { env, post } = beside.server
    const all = (...args: string[]) => inProcess(env, 'recalculate', '--all', ...args)
    const typo = await all('--tenant', 'typo')
    expect(typo).toMatchObject({ code: 1, stdout: '' })
    expect(typo.stderr).toContain('There is no wallet in tenant typo.')
    await post('cli-zoe', '/transactions/topup', { amount: 1 }, [], 'lonely')
    expect(await all('--tenant', 'lonely')).toMatchObject({
      code: 0,
      stdout: '1 wallet, 0 corrected.\n',
    })
  })
})
