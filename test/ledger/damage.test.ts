import { expect } from 'vitest'
import { damage } from '../support/ledger/damage.ts'
import { type Sample, tenant, test } from '../support/ledger/sample.ts'

/** What somebody with the owner's rights may do to the tables behind the ledger's back. */
const DAMAGES: [name: string, statement: string, problem: string][] = [
  [
    'an amount and the balances around it',
    'update entries set amount = amount + 5, new_balance = new_balance + 5 where ENTRY = 3',
    'an entry does not begin where the one before ended',
  ],
  [
    'an account that an entry names',
    `update entries set debit_account = (select revenue from balance_snapshots where account_id = entries.account_id)
     where ENTRY = 3 and debit_account <> account_id`,
    'an entry does not carry the hash that its content asks for',
  ],
  [
    'the sides of an entry',
    'update entries set debit_account = credit_account, credit_account = debit_account where ENTRY = 3',
    'the side of an entry and its balances disagree',
  ],
  [
    'the time of an entry',
    "update entries set created_at = created_at - interval '1 microsecond' where ENTRY = 3",
    'an entry does not carry the hash that its content asks for',
  ],
  [
    'the hash of an entry',
    "update entries set hash = sha256('x') where ENTRY = 3",
    'an entry does not carry the hash that its content asks for',
  ],
  [
    'an entry taken out',
    'delete from entries where ENTRY = 3',
    'an entry is missing before this one',
  ],
  [
    'the newest entry taken out',
    'delete from entries where ENTRY = 5',
    'the snapshot differs from the last entry',
  ],
  [
    'a house account that does not exist',
    'update entries set debit_account = 999999 where ENTRY = 3 and debit_account <> account_id',
    'an entry has a house account of another tenant or currency',
  ],
  [
    'the snapshot',
    'update balance_snapshots set balance = balance + 1 where SNAPSHOT',
    'the snapshot differs from the sum of entries',
  ],
  [
    'what is held',
    'update balance_snapshots set held = held + 1 where SNAPSHOT',
    'what is held differs from the open holds and withdrawals',
  ],
  [
    'the status of a transaction',
    "update transactions set status = 'failed' where TRANSACTION = 3",
    'a transaction that did not succeed has an entry',
  ],
  [
    'the amount of a transaction',
    'update transactions set amount = amount + 1 where TRANSACTION = 3',
    'a transaction and its entry differ in amount',
  ],
  [
    'a transaction taken out',
    'delete from transactions where TRANSACTION = 3',
    'an entry has no transaction',
  ],
  [
    'what is marked as refunded',
    'update transactions set refunded = 1 where TRANSACTION = 3',
    'what is marked as refunded is not the sum of the refunds',
  ],
  [
    'an entry and its hash, and names another house account with it',
    `with posted as (
       update entries e set debit_account = s.revenue, hash = entry_hash(b.hash, e.account_id, e.version,
         e.transaction_id, s.revenue, e.credit_account, e.amount, e.previous_balance, e.new_balance, e.created_at)
       from balance_snapshots s, entries b
       where s.account_id = e.account_id and b.account_id = e.account_id and b.version = e.version - 1
         and e.version = 5 and e.account_id = (select account_id from balance_snapshots where user_id = 'USER')
       returning e.account_id, e.hash
     )
     update balance_snapshots s set hash = posted.hash from posted where posted.account_id = s.account_id`,
    "an entry names another house account than its transaction's type asks for",
  ],
  [
    'the time of an entry and its hash',
    `with posted as (
       update entries e set created_at = b.created_at - interval '1 microsecond',
         hash = entry_hash(b.hash, e.account_id, e.version, e.transaction_id, e.debit_account, e.credit_account,
           e.amount, e.previous_balance, e.new_balance, b.created_at - interval '1 microsecond')
       from entries b
       where b.account_id = e.account_id and b.version = e.version - 1
         and e.version = 5 and e.account_id = (select account_id from balance_snapshots where user_id = 'USER')
       returning e.account_id, e.hash
     )
     update balance_snapshots s set hash = posted.hash from posted where posted.account_id = s.account_id`,
    'an entry is dated before the one before, and no step of the clock is noted',
  ],
  [
    'the events of a change taken out',
    'delete from event_rows where EVENT = 4',
    'an event is missing',
  ],
  [
    'the first event of a change taken out',
    'update event_rows set events = events[2:] where EVENT = 4',
    'an event is missing',
  ],
  [
    'an event put before those of a change',
    'update event_rows set events = events[1:1] || events where EVENT = 4',
    'an event is missing',
  ],
  [
    'the newest event taken out',
    'delete from event_rows where EVENT = 10',
    'the newest event is not the one that the wallet counts',
  ],
  [
    'the balance that the newest event tells',
    'update event_rows set new_balance = new_balance + 1 where EVENT = 10',
    'the newest event tells another balance than the snapshot',
  ],
]

test.for(DAMAGES)(
  'the audit finds %s that was altered',
  async ([name, statement, problem], { ledger }) => {
    const userId = name.replaceAll(/[^a-z]/g, '-')
    for (let i = 0; i < 5; i++) await ledger.fund(userId, 100n)
    const [wallet] = await ledger.owner<{ account: string }[]>`
    select account_id as account from balance_snapshots where user_id = ${userId}`
    if (!wallet) throw new Error('no wallet')
    const target = statement
      .replace('USER', userId)
      .replace('ENTRY', `account_id = ${wallet.account} and version`)
      .replace('SNAPSHOT', `account_id = ${wallet.account}`)
      .replace('EVENT', `wallet_id = (select id from wallets where user_id = '${userId}') and seq`)
      .replace(
        'TRANSACTION',
        `id = (select transaction_id from entries where account_id = ${wallet.account} and version = 3) and 3`,
      )
    const before = await ledger.auditor.audit(tenant)
    expect(before.discrepancies.filter((one) => one.userId === userId)).toEqual([])
    expect(await damage(ledger, target)).toBe(1)
    const audit = await ledger.auditor.audit(tenant)
    const found = audit.discrepancies.filter((one) => one.userId === userId)
    expect(found.map((one) => one.problem)).toContain(problem)
    expect(audit.inaccurate).toBe(before.inaccurate + 1)
  },
)

test('the audit finds that a trigger no longer keeps entries from being changed', async ({
  ledger,
}) => {
  const problem = 'entries can be changed: a trigger that refuses it is off or missing'
  const found = async () => {
    const { discrepancies } = await ledger.auditor.audit(tenant)
    return discrepancies.filter((one) => one.problem === problem)
  }
  expect(await found()).toEqual([])
  await ledger.owner`alter table entries disable trigger entries_append_only`
  expect(await found()).toEqual([{ problem, at: 'entries_append_only' }])
  await ledger.owner`alter table entries enable trigger entries_append_only`
  expect(await found()).toEqual([])
})

test('the audit names the first entry that does not fit', async ({ ledger }) => {
  for (let i = 0; i < 9; i++) await ledger.fund('ann', 100n)
  await damage(
    ledger,
    `update entries set transaction_id = gen_random_uuid()
     where version >= 4 and account_id = (select account_id from balance_snapshots where user_id = 'ann')`,
  )
  const { discrepancies } = await ledger.auditor.audit(tenant)
  expect(discrepancies).toContainEqual(
    expect.objectContaining({
      userId: 'ann',
      problem: 'an entry does not carry the hash that its content asks for',
      at: '4',
    }),
  )
})

test('debits and credits differ when an entry names an account that is not there', async ({
  ledger,
}) => {
  const { ledger: sums } = await ledger.auditor.audit(tenant)
  for (const { debits, credits } of sums) expect(debits).not.toBe(credits)
})

const ORPHANS = ['an entry belongs to no wallet', 'a transaction belongs to no wallet']

async function orphansOf(ledger: Sample, tenant: string): Promise<string[]> {
  const { discrepancies } = await ledger.auditor.audit(tenant)
  return discrepancies.map((one) => one.problem).filter((problem) => ORPHANS.includes(problem))
}

test('the audit finds the tenant’s entries and transactions of nobody', async ({ ledger }) => {
  await ledger.owner.begin(async (tx) => {
    await tx`
      insert into entries select 888888, version, transaction_id, 888888, credit_account, amount, amount, 0,
        created_at, hash from entries where version = 1 and amount = previous_balance + new_balance limit 1`
    await tx`
      insert into transactions (id, wallet_id, tenant, user_id, type, amount, currency, status,
        created_by, created_at, updated_at)
      values (gen_random_uuid(), 777777, 'default', 'nobody', 'topup', 1, 'USD', 'pending', 'x', now(), now())`
  })
  expect(await orphansOf(ledger, tenant)).toEqual(ORPHANS)
  expect(await orphansOf(ledger, 'another')).toEqual([])
})

test('an entry that names no account at all is everybody’s concern', async ({ ledger }) => {
  await ledger.owner`
    insert into entries select 999999, version, transaction_id, 999999, 999998, amount, amount, 0,
      created_at, hash from entries where account_id = 888888`
  expect(await orphansOf(ledger, 'another')).toEqual(ORPHANS.slice(0, 1))
  expect(await orphansOf(ledger, tenant)).toEqual([ORPHANS[0], ...ORPHANS])
})
