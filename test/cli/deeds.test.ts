import { expect, test } from 'vitest'
import { livebalance } from '../support/cli/livebalance.ts'
import { serverOfSuite } from '../support/cli/server.ts'
import { describeWithRedis } from '../support/index.ts'

describeWithRedis('the log of deeds, with a server', () => {
  const beside = serverOfSuite()
  const cli = (...args: string[]) => livebalance(beside.server.env, ...args)

  test('what an admin did and was refused is listed, narrowed, and exported', async () => {
    await beside.server.post('cli/dee', '/transactions/topup', { amount: 1 })
    await cli('freeze', 'cli/dee', '--debits')
    await cli('freeze', 'cli/nobody')
    const listed = await cli('deeds', '--deed', 'wallet_freeze', '--actor', 'cli')
    expect(listed.stdout).toMatch(
      /^AT .*\n.* cli +wallet_freeze +unknown_user +cli\/nobody .*\n.* cli +wallet_freeze +done +cli\/dee /,
    )
    const refused = await cli('deeds', '--refused', '--target', 'cli/nobody', '--json')
    expect(refused.json()).toMatchObject({ items: [{ result: 'unknown_user', roles: ['admin'] }] })
    const exported = await cli('deeds', '--export', 'csv', '--target', 'cli/dee')
    expect(exported.stdout).toMatch(/^id,at,actor,.*\n.*"cli".*wallet_freeze,"cli\/dee",.*done/)
  })

  test('a deed that does not exist is wrong usage', async () => {
    const { code, stderr } = await cli('deeds', '--deed', 'steal')
    expect([code, stderr]).toEqual([2, expect.stringContaining('--deed is one of topup_process')])
  })
})
