import { hc } from 'hono/client'
import { expect, expectTypeOf, test } from 'vitest'
import type { AppType } from '../../src/routes/app.ts'
import { bearer, edge, listen } from '../support/http/stub.ts'

test('the typed client speaks to it', async () => {
  const url = await listen(edge().app)
  const client = hc<AppType>(url, { headers: await bearer() })
  const response = await client.transactions.topup.$post({ json: { amount: 12.5 } })
  const transaction = await response.json()
  expect(transaction.amount).toBe(12.5)
  expect(transaction.status).toBe('pending')
  expectTypeOf(transaction.amount).toEqualTypeOf<number>()
  expectTypeOf(client.transactions[':id'].refund.$post).toBeCallableWith({
    param: { id: transaction.id },
    json: { amount: '5.00' },
  })
  // @ts-expect-error a field that the schema does not know
  void (() => client.transactions.topup.$post({ json: { amount: 1, admin: true } }))
  // @ts-expect-error a route that there is not
  void (() => client.transactions.theft.$post({}))
})
