import { describe } from 'vitest'
import { prepare } from '../support/routes/examples.ts'
import { admin, alice, test } from '../support/routes/ledger-app.ts'
import { refused } from '../support/routes/refused.ts'

const payment = { id: '' }
test.beforeAll(async ({ api }) => {
  await prepare(api)
  const fields = { type: 'booking_payment', amount: 5 }
  payment.id = (await api.call(alice, 'POST /transactions', fields)).body.id
})

const topup = 'POST /transactions/topup'
const amount = [400, 'invalid_amount'] as const

describe('an amount that is none', () => {
  test.for([
    ['too many decimals', '0.001'],
    ['too many decimals, as text', '"0.001"'],
    ['too many decimals, far behind', '1.000000000000000000000000000001'],
    ['zero', '0'],
    ['zero with decimals', '"0.00"'],
    ['negative', '-1'],
    ['negative zero', '-0'],
    ['the smallest above the largest', '90071992547409.92'],
    ['beyond any bigint', '1e30'],
    ['beyond any number', '1e999'],
    ['a hair above a whole cent', '0.0100000000000000000001'],
    ['NaN', '"NaN"'],
    ['Infinity', '"Infinity"'],
    ['hexadecimal', '"0x10"'],
    ['with blanks', '" 5"'],
    ['with a comma', '"1,5"'],
    ['an exponent as text', '"1e2"'],
    ['in digits of another script', '"١٢"'],
    ['empty', '""'],
    ['null', 'null'],
    ['a list', '[5]'],
    ['true', 'true'],
  ])('%s', async ([_, json], { api }) => {
    await refused(api, alice, topup, `{"amount":${json}}`, amount)
    await refused(api, alice, 'POST /transactions/hold', `{"amount":${json}}`, amount)
    await refused(
      api,
      admin,
      `POST /transactions/${payment.id}/refund`,
      `{"amount":${json}}`,
      amount,
    )
  })

  test.for([
    ['JPY', '0.5'],
    ['JPY', '9007199254740992'],
    ['KWD', '0.0001'],
    ['KWD', '9007199254740.992'],
  ])('in %s: %s', ([currency, json], { api }) =>
    refused(api, alice, topup, `{"amount":${json},"currency":"${currency}"}`, amount),
  )
})
