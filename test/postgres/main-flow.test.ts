import { expect } from 'vitest'
import { flowOf, plainFlow } from '../support/e2e/main-flow.ts'
import { test as base } from '../support/fixtures.ts'
import { describeWithRedis } from '../support/index.ts'

const test = base.extend('plain', { scope: 'file' }, plainFlow)

const nameOf = (url: string) => new URL(url).pathname.slice(1)

describeWithRedis('the main flow gives the same answers on a database', () => {
  test('of an owner who may create no role', async ({
    plain,
    emptyDatabase: database,
    emptyOwner: owner,
  }) => {
    const login = `plain_${nameOf(database.ownerUrl)}`
    await owner.unsafe(`create role ${login} login password 'plain'`)
    await owner.unsafe(`alter database ${nameOf(database.ownerUrl)} owner to ${login}`)
    const url = new URL(database.ownerUrl)
    Object.assign(url, { username: login, password: 'plain' })
    expect(await flowOf(url.href)).toEqual(plain)
    await owner.unsafe(`drop owned by ${login} cascade`)
  })

  test('that another login serves than the one that migrates it', async ({ plain, database }) => {
    expect(await flowOf(database.appUrl)).toEqual(plain)
  })
})
