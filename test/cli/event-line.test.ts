import { expect, test } from 'vitest'
import { eventLine } from '../../src/cli/commands/tail.ts'

const told = { userId: 'alice', currency: 'USD', timestamp: '2025-11-04T10:30:00.123Z' }

test('money that moved has its sign, and the balance that it made', () => {
  const moved = { ...told, event: 'balance_updated', transactionType: 'payment' }
  expect(eventLine({ ...moved, tenantId: 'acme', amount: -4, newBalance: 59.25 })).toBe(
    '10:30:00.123  acme/alice  balance_updated  -4 USD, now 59.25 USD  payment',
  )
})

test.each([4, -4])(
  'a transaction over %d that failed does not look as if money moved',
  (amount) => {
    const failed = { ...told, event: 'transaction_failed', status: 'failed', newBalance: 63.25 }
    expect(eventLine({ ...failed, amount, transactionType: 'topup' })).toBe(
      '10:30:00.123  alice  transaction_failed  4 USD  topup  failed',
    )
  },
)

test('the end of a token has its time', () => {
  const expiresAt = '2025-11-04T10:31:00.000Z'
  expect(eventLine({ userId: 'alice', event: 'token_expiring', expiresAt }).trim()).toBe(
    'alice  token_expiring  at 2025-11-04T10:31:00.000Z',
  )
})

test('what another program wrote into the channel cannot forge a line or an escape code', () => {
  const forged = { userId: 'a\n10:30', event: 'balance\u001b[2J', status: '\u202e' as never }
  expect(eventLine({ ...told, ...forged })).toBe(
    '10:30:00.123  a\\n10:30  balance\\u001b[2J  \\u202e',
  )
})
