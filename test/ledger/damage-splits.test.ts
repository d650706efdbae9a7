import { expect } from 'vitest'
import { damage } from '../support/ledger/damage.ts'
import { type Sample, tenant, test } from '../support/ledger/sample.ts'

/** Each case has a currency of its own, in which `payer` has paid 100 to `payee` (90) and a fee (10), and got 50 back. */
const DAMAGES: [name: string, currency: string, statement: string, problem: string][] = [
  [
    'the amount of a part',
    'EUR',
    `update transactions set split = jsonb_set(split, '{0,amount}', '91') where PAYMENT`,
    'the parts of a split payment are not the whole',
  ],
  [
    'the parts, which are still the whole',
    'GBP',
    `update transactions set split = jsonb_set(jsonb_set(split, '{0,amount}', '91'), '{1,amount}', '9') where PAYMENT`,
    'the entries of a split payment are not its parts',
  ],
  [
    'the fee account of a part',
    'CHF',
    `update transactions set split = jsonb_set(split, '{1,fee}', '"other"') where PAYMENT`,
    'the entries of a split payment are not its parts',
  ],
  [
    'the fee account of an entry',
    'SEK',
    `update entries set credit_account = (select revenue from balance_snapshots where account_id = entries.account_id)
     where transaction_id = (select id from transactions where PAYMENT) and amount = 10`,
    'the entries of a split payment are not its parts',
  ],
  [
    'that it was split',
    'NOK',
    'update transactions set split = null where PAYMENT',
    'a share belongs to no split payment',
  ],
  [
    'the payee',
    'DKK',
    `update transactions set split = jsonb_set(split, '{0,to}', '"somebody"') where PAYMENT`,
    'a part of a split payment is not what its payee got',
  ],
  [
    'the payment that a share belongs to',
    'PLN',
    `update transactions set reference_id = 'x' where SHARE`,
    'a share belongs to no split payment',
  ],
  [
    'the amount of a share',
    'HUF',
    'update transactions set amount = amount + 1 where SHARE',
    'a part of a split payment is not what its payee got',
  ],
  [
    'what a part gave back',
    'CZK',
    `update transactions set split = jsonb_set(split, '{0,refunded}', '44') where PAYMENT`,
    'what the parts of a split payment gave back is not what it gave back',
  ],
  [
    'what a refund took from its payee',
    'RON',
    `update transactions set split = jsonb_set(split, '{0,amount}', '46') where REFUND`,
    'the parts of a split payment are not the whole',
  ],
]

async function paid(ledger: Sample, currency: string) {
  const payer = { userId: `payer.${currency}`, currency }
  await ledger.accepted({ op: 'adjustment', actor: 'admin', ...payer, amount: 100n })
  const payee = `payee.${currency}`
  await ledger.reader.balance({ tenant, userId: payee }, currency)
  const split = [
    { to: payee, share: 9 },
    { fee: 'f', share: 1 },
  ]
  const { id } = await ledger.accepted({ op: 'payment', ...payer, amount: 100n, split })
  await ledger.accepted({ op: 'refund', actor: 'shop', transactionId: id, amount: 50n })
}

test.for(DAMAGES)(
  'the audit finds of a split payment %s that was altered',
  async ([, currency, statement, problem], { ledger }) => {
    await paid(ledger, currency)
    const found = async () => {
      const { discrepancies } = await ledger.auditor.audit(tenant)
      return discrepancies.filter((one) => one.currency === currency).map((one) => one.problem)
    }
    expect(await found()).toEqual([])
    const target = statement
      .replace('PAYMENT', `currency = '${currency}' and type = 'booking_payment'`)
      .replace('REFUND', `currency = '${currency}' and type = 'refund'`)
      .replace('SHARE', `currency = '${currency}' and type = 'split' and amount > 0`)
    expect(await damage(ledger, target)).toBe(1)
    expect(await found()).toContain(problem)
  },
)
