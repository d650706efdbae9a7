import { expect } from 'vitest'
import { damage } from '../support/ledger/damage.ts'
import { type Sample, tenant, test } from '../support/ledger/sample.ts'

/** Each case has a currency of its own. */
async function discrepanciesIn(ledger: Sample, currency: string) {
  const { discrepancies } = await ledger.auditor.audit(tenant)
  return discrepancies.filter((one) => one.currency === currency)
}

/** Takes a user's newest transaction out whole: its entry too, and the snapshot is mended to match. */
const TAKEN_OUT = `
  with gone as (
    delete from entries e using balance_snapshots s
    where s.user_id = 'USER' and e.account_id = s.account_id and e.version = s.version
    returning e.*
  ), opened as (
    delete from transactions t using gone where t.id = gone.transaction_id
  )
  update balance_snapshots s
  set balance = gone.previous_balance, version = gone.version - 1, hash = coalesce((
    select hash from entries b where b.account_id = gone.account_id and b.version = gone.version - 1), '')
  from gone where gone.account_id = s.account_id`

/** Of `USER`, who sent or received a transfer, each in a currency of its own. */
const HALVES: [
  name: string,
  currency: string,
  damaged: 'ann' | 'bob',
  statement: string,
  problems: string[],
][] = [
  [
    'the side that received, taken out whole',
    'EUR',
    'bob',
    TAKEN_OUT,
    ['a transfer has no other side'],
  ],
  [
    'the side that sent, taken out whole',
    'GBP',
    'ann',
    TAKEN_OUT,
    ['a transfer has no other side'],
  ],
  [
    'the transfer that a side belongs to',
    'CHF',
    'bob',
    "update transactions set reference_id = 'x' where user_id = 'USER' and type = 'transfer'",
    ['a transfer has no other side', 'a transfer has no other side'],
  ],
  [
    'the amount of a side',
    'SEK',
    'bob',
    "update transactions set amount = amount + 1 where user_id = 'USER' and type = 'transfer'",
    ['a transaction and its entry differ in amount', 'the sides of a transfer disagree'],
  ],
  [
    'the wallet of a side, which now is the other’s',
    'NOK',
    'bob',
    `update transactions set wallet_id = t.wallet_id from transactions t
     where transactions.user_id = 'USER' and transactions.type = 'transfer'
       and t.id::text = transactions.reference_id`,
    ['a transaction names another user than its wallet', 'the sides of a transfer disagree'],
  ],
  [
    'the tenant of a side',
    'DKK',
    'bob',
    "update transactions set tenant = 'another' where user_id = 'USER' and type = 'transfer'",
    ['a transaction names another user than its wallet', 'a transfer has no other side'],
  ],
  [
    'the user that a side names as the other',
    'PLN',
    'bob',
    `update transactions set metadata = '{"fromUserId": "cat"}' where user_id = 'USER' and type = 'transfer'`,
    ['the sides of a transfer disagree'],
  ],
]

test.for(HALVES)(
  'the audit finds of a transfer %s',
  async ([name, currency, damaged, statement, problems], { ledger }) => {
    const suffix = name.replaceAll(/[^a-z]/g, '-')
    const users = { ann: `ann.${suffix}`, bob: `bob.${suffix}` }
    const { ann, bob } = users
    for (const userId of [ann, bob]) {
      await ledger.accepted({ op: 'adjustment', actor: 'admin', userId, amount: 100n, currency })
    }
    await ledger.accepted({ op: 'transfer', userId: ann, toUserId: bob, amount: 30n, currency })
    const found = () => discrepanciesIn(ledger, currency)
    expect(await found()).toEqual([])
    expect(await damage(ledger, statement.replaceAll('USER', users[damaged]))).toBe(1)
    const after = await found()
    expect(after.map(({ problem }) => problem)).toEqual(expect.arrayContaining(problems))
    // The entries say what transit holds, whatever their transactions say.
    const transit = { problem: 'transit does not come to zero', currency }
    expect(after.filter(({ problem }) => problem === transit.problem)).toEqual(
      statement === TAKEN_OUT ? [transit] : [],
    )
  },
)

/** Of two transfers of one amount, what was done to the sides that received. */
const SWAPS: [name: string, currency: string, statement: string, problem: string][] = [
  [
    'the transfers that they belong to',
    'HUF',
    `update transactions t set reference_id = o.reference_id from transactions o
     where t.currency = 'HUF' and o.currency = 'HUF' and t.type = 'transfer' and o.type = 'transfer'
       and t.amount > 0 and o.amount > 0 and t.id <> o.id`,
    'a transfer has no other side',
  ],
  [
    'the wallets that they belong to',
    'CZK',
    `update transactions t set wallet_id = o.wallet_id, user_id = o.user_id from transactions o
     where t.currency = 'CZK' and o.currency = 'CZK' and t.type = 'transfer' and o.type = 'transfer'
       and t.amount > 0 and o.amount > 0 and t.id <> o.id`,
    'a transaction succeeded without an entry',
  ],
  [
    'the transactions that their entries name',
    'RON',
    `update entries e set transaction_id = o.transaction_id from entries o, accounts a, accounts b
     where a.id = e.account_id and b.id = o.account_id and a.currency = 'RON' and b.currency = 'RON'
       and e.amount = 30 and o.amount = 30 and e.account_id = e.credit_account
       and o.account_id = o.credit_account and e.account_id <> o.account_id`,
    'an entry has no transaction',
  ],
]

test.for(SWAPS)(
  'the audit finds of two equal transfers that %s were swapped',
  async ([, currency, statement, problem], { ledger }) => {
    const who = (name: string) => `${name}.swapped.${currency}`
    for (const name of ['ann', 'cat']) {
      const gift = { actor: 'admin', userId: who(name), amount: 100n, currency }
      await ledger.accepted({ op: 'adjustment', ...gift })
    }
    for (const name of ['bob', 'dan'])
      await ledger.reader.balance({ tenant, userId: who(name) }, currency)
    for (const [from, to] of [
      ['ann', 'bob'],
      ['cat', 'dan'],
    ] as const) {
      const sent = { userId: who(from), toUserId: who(to), amount: 30n, currency }
      await ledger.accepted({ op: 'transfer', ...sent })
    }
    const found = async () =>
      (await discrepanciesIn(ledger, currency)).map(({ problem }) => problem)
    expect(await found()).toEqual([])
    expect(await damage(ledger, statement)).toBe(2)
    expect(await found()).toContain(problem)
  },
)
