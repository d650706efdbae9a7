import { expect, test } from 'vitest'
import { livebalance } from '../support/cli/livebalance.ts'
import { serverOfSuite } from '../support/cli/server.ts'
import { describeWithRedis } from '../support/index.ts'

describeWithRedis('freezes, with a server', () => {
  const beside = serverOfSuite()
  const cli = (...args: string[]) => livebalance(beside.server.env, ...args)

  test('a wallet is frozen, shown with its history, and unfrozen', async () => {
    await beside.server.post('cli/fay', '/transactions/topup', { amount: 1 })
    const frozen = await cli('freeze', 'cli/fay', '--debits', '--reason', 'a dispute')
    expect([frozen.code, frozen.stdout.trim()]).toEqual([0, 'cli/fay: frozen for debits'])
    const both = await cli('freeze', 'cli/fay', '--json')
    expect(both.json()).toMatchObject({ userId: 'cli/fay', debits: true, credits: true })
    const shown = await cli('freeze', 'cli/fay', '--show')
    expect(shown.stdout).toMatch(
      /frozen for debits and credits\n\nCHANGED.*\n.*cli *\n.*a dispute\n$/,
    )
    const unfrozen = await cli('unfreeze', 'cli/fay', '--reason', 'settled')
    expect(unfrozen.stdout.trim()).toBe('cli/fay: not frozen')
  })

  test('a user whom the server does not know is refused by name', async () => {
    const { code, stderr } = await cli('freeze', 'nobody', '--json')
    expect([code, JSON.parse(stderr).error.code]).toEqual([1, 'unknown_user'])
  })
})
