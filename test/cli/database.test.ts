import { expect, onTestFinished, test } from 'vitest'
import { livebalance } from '../support/cli/livebalance.ts'
import { serverOfSuite } from '../support/cli/server.ts'
import { createEmptyDatabase, describeWithRedis } from '../support/index.ts'

test('migrate brings an empty database up to date, once; nothing else touches one that is not', async () => {
  const database = await createEmptyDatabase()
  onTestFinished(() => database.drop())
  const env = { DATABASE_URL: database.ownerUrl }
  const early = await livebalance(env, 'audit')
  expect([early.code, early.stderr]).toEqual([1, expect.stringContaining('livebalance migrate')])
  const first = await livebalance(env, 'migrate', '--json')
  expect([first.code, first.json().applied[0]]).toEqual([0, 'migrations/0001_ledger.sql'])
  const second = await livebalance(env, 'migrate')
  expect([second.code, second.stdout]).toEqual([0, 'The database is up to date.\n'])
  const audit = await livebalance(env, 'audit', '--json')
  expect([audit.code, audit.json()]).toEqual([0, { sound: true, tenants: [] }])
})

describeWithRedis('beside a server', () => {
  const beside = serverOfSuite()
  const cli = (...args: string[]) => livebalance(beside.server.env, ...args)

  test('epoch renew refuses while a server is connected, for that would keep the old one', async () => {
    const before = await cli('epoch', 'show', '--json')
    expect(await cli('epoch', 'renew')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('stop them first'),
    })
    expect((await cli('epoch', 'show', '--json')).json()).toEqual(before.json())
  })
})
