import { expect, test } from 'vitest'
import { livebalance } from '../support/cli/livebalance.ts'
import { serverOfSuite } from '../support/cli/server.ts'
import { describeWithRedis } from '../support/index.ts'

describeWithRedis('token, with a server', () => {
  const beside = serverOfSuite()
  const cli = (...args: string[]) => livebalance(beside.server.env, ...args)

  test('token signs what the server takes', async () => {
    const { token } = (
      await cli('token', '--sub', 'cli-alice', '--roles', 'Admin', '--json')
    ).json()
    const env = { LIVEBALANCE_URL: beside.server.url, LIVEBALANCE_TOKEN: token }
    expect((await livebalance(env, 'topups', 'list', '--json')).code).toBe(0)
  })
})
