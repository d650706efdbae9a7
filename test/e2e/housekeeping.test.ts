import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { type LiveServer, openLiveServer } from '../support/client/live-server.ts'
import { eventually, mintToken } from '../support/index.ts'

let server: LiveServer
let sql: Sql
beforeAll(async () => {
  server = await openLiveServer({ EVENT_RETENTION: '1h' })
  sql = connect(server.databaseUrl, { max: 1 })
})
afterAll(async () => {
  await sql?.end()
  await server?.close()
})

const wallet = async (userId: string) =>
  await server.call(await mintToken({ sub: userId }), 'GET /transactions/balance')
const hold = async (userId: string, expiresIn: number) =>
  await server.call<{ id: string }>(await mintToken({ sub: userId }), 'POST /transactions/hold', {
    amount: 4,
    expiresIn,
  })

test('a hold that expires while the server runs frees its money', async () => {
  await server.fund('ann', 10)
  await hold('ann', 3_600)
  expect(await wallet('ann')).toMatchObject({ balance: 10, held: 4, available: 6 })
  await sql`update transactions set expires_at = clock_timestamp() where type = 'hold'`
  await eventually(async () =>
    expect(await wallet('ann')).toMatchObject({ balance: 10, held: 0, available: 10 }),
  )
})

test('a hold that expired while no server ran frees its money when a server starts', async () => {
  await server.fund('bob', 10)
  const { id } = await hold('bob', 3_600)
  await server.stop()
  await sql`update transactions set expires_at = clock_timestamp() where id = ${id}`
  await server.start()
  await eventually(async () =>
    expect(await wallet('bob')).toMatchObject({ held: 0, available: 10 }),
  )
  const [row] = await sql`select status, processed_by from transactions where id = ${id}`
  expect(row).toEqual({ status: 'expired', processed_by: 'system' })
})

test('a server deletes events older than EVENT_RETENTION', async () => {
  await server.fund('cid', 10)
  await eventually(async () => expect(await sql`select from outbox`).toHaveLength(0))
  await server.stop()
  const ofCid = sql`wallet_id = (select id from wallets where user_id = 'cid')`
  await sql`update event_rows set created_at = created_at - interval '2 hours' where ${ofCid}`
  await sql`update event_generations set began_at = began_at - interval '2 hours'`
  await server.start()
  await eventually(async () => expect(await sql`select from events where ${ofCid}`).toHaveLength(0))
})
