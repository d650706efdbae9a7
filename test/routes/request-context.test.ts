import { expect } from 'vitest'
import { admin, foreignAdmin, test } from '../support/routes/ledger-app.ts'

test('the queue is narrowed by amounts of one currency, and says what is known of its users', async ({
  api,
}) => {
  const ask = async (sub: string, amount: number, currency = 'USD') =>
    (await api.call({ sub }, 'POST /transactions/topup', { amount, currency })).body.id as string
  const decide = (id: string, status: string) =>
    api.call(admin, `PATCH /transactions/topup/${id}/process`, { status })
  await decide(await ask('ann', 50), 'success')
  await decide(await ask('ann', 60), 'failed')
  const ids = [await ask('ann', 5), await ask('ann', 10.01), await ask('bob', 700, 'JPY')]
  await api.call({ sub: 'ann' }, 'POST /transactions/withdrawal', { amount: 20 })

  const read = async (search: string, who = admin) =>
    (await api.call(who, `GET /admin/requests?${search}`)).body
  const idsOf = async (search: string) =>
    (await read(search)).items.map(({ id }: { id: string }) => id)
  expect(await idsOf('type=topup&minAmount=10.01')).toEqual([ids[1]])
  expect(await idsOf('type=topup&maxAmount=10')).toEqual([ids[0]])
  expect(await idsOf('currency=JPY&minAmount=700&maxAmount=700')).toEqual([ids[2]])
  // Without regard to the sign.
  expect((await read('minAmount=20&maxAmount=20')).items).toMatchObject([{ amount: -20 }])
  expect(await read('minAmount=1.001')).toMatchObject({ code: 'invalid_amount' })

  const { users } = await read('context=true')
  expect(users).toHaveLength(2)
  expect(users).toEqual(
    expect.arrayContaining([
      { userId: 'ann', currency: 'USD', balance: 50, available: 30, approved: 1, rejected: 1 },
      { userId: 'bob', currency: 'JPY', balance: 0, available: 0, approved: 0, rejected: 0 },
    ]),
  )
  expect(await read('')).not.toHaveProperty('users')
  expect(await read('context=true', foreignAdmin)).toMatchObject({ items: [], users: [] })
})
