import { expect } from 'vitest'
import type { Sql } from '../../src/postgres/database.ts'
import { type Sample, test } from '../support/ledger/sample.ts'

/**
 * `audit_totals()` says in one reading that an account is sound, and only for the others the functions run that name a
 * problem. So whatever is damaged: it must call no account sound in which they find something.
 */

/** Each column of a row, altered. */
const ALTERED: Record<'entries' | 'transactions', Record<string, string[]>> = {
  entries: {
    version: ['version + 100'],
    transaction_id: ['gen_random_uuid()'],
    debit_account: ['debit_account + 100', 'credit_account', 'account_id'],
    credit_account: ['credit_account + 100', 'debit_account', 'account_id'],
    amount: ['amount + 1', 'amount + 4294967296'],
    previous_balance: ['previous_balance + 1', 'new_balance'],
    new_balance: ['new_balance + 1', 'previous_balance'],
    created_at: ["created_at - interval '1 day'", "created_at + interval '1 day'"],
    hash: ["sha256('x')"],
  },
  transactions: {
    id: ['gen_random_uuid()'],
    wallet_id: ['wallet_id + 1'],
    tenant: ["'elsewhere'"],
    user_id: ["'somebody'"],
    type: ["'topup'", "'booking_payment'", "'refund'", "'transfer'", "'hold'"],
    amount: ['amount + 1', '-amount', 'amount + 4294967296'],
    currency: ["'EUR'"],
    status: ["'pending'", "'failed'", "'success'"],
    processed_by: ['user_id', 'approved_by', 'null'],
    approved_by: ['user_id', 'processed_by', 'null'],
    reference_id: ['null', "'x'", 'gen_random_uuid()'],
    previous_balance: ['previous_balance + 1', 'null'],
    new_balance: ['new_balance + 1', 'null'],
    refunded: ['refunded + 1', '0', 'abs(amount)'],
    hold_state: ['null', "row(7, 'refuse', null, null)", "row(-1, 'refuse', null, null)"],
    split: ['null', `'[{"to": "bob", "amount": 1}]'`],
  },
}

/** Makes all hashes anew: what a careful forger would do. */
const REHASH = `
  do $$
  declare
    one entries;
    v_account bigint;
    v_hash bytea;
  begin
    for one in select * from entries order by account_id, version loop
      v_hash := entry_hash(case when one.account_id = v_account then v_hash else '' end, one.account_id, one.version,
        one.transaction_id, one.debit_account, one.credit_account, one.amount, one.previous_balance, one.new_balance,
        one.created_at);
      v_account := one.account_id;
      update entries set hash = v_hash where account_id = one.account_id and version = one.version;
    end loop;
  end
  $$`

/** Every kind of transaction, in every state. `ann` has neither a split payment nor a payment that was refunded twice. */
async function fill(ledger: Sample): Promise<void> {
  const { accepted, fund } = ledger
  await fund('ann', 10_000n)
  await fund('bob', 5_000n)
  const topup = await accepted({ op: 'topup_request', userId: 'ann', amount: 300n })
  await accepted({
    op: 'topup_process',
    actor: 'admin',
    transactionId: topup.id,
    status: 'success',
  })
  await accepted({ op: 'topup_request', userId: 'ann', amount: 20n })
  const paid = await accepted({ op: 'payment', userId: 'ann', amount: 700n })
  await accepted({ op: 'refund', actor: 'service', transactionId: paid.id, amount: 200n })
  await accepted({ op: 'payment', userId: 'ann', amount: 10n })
  const hold = await accepted({ op: 'hold', userId: 'ann', amount: 50n, expiresIn: 3_600 })
  await accepted({ op: 'hold_capture', transactionId: hold.id, amount: 20n, final: false })
  await accepted({ op: 'hold_capture', transactionId: hold.id, amount: 5n })
  const open = await accepted({ op: 'hold', userId: 'ann', amount: 90n, expiresIn: 3_600 })
  await accepted({ op: 'hold_capture', transactionId: open.id, amount: 30n, final: false })
  await accepted({ op: 'transfer', userId: 'ann', toUserId: 'bob', amount: 5n })
  await accepted({ op: 'withdrawal_request', userId: 'ann', amount: 15n })

  await fund('cid', 1_000n)
  const split = [
    { to: 'bob', share: 9 },
    { fee: 'f', share: 1 },
  ]
  const shared = await accepted({ op: 'payment', userId: 'cid', amount: 100n, split })
  await accepted({ op: 'refund', actor: 'shop', transactionId: shared.id, amount: 50n })
  await fund('dan', 100n)
  const { id } = await accepted({ op: 'payment', userId: 'dan', amount: 40n })
  for (const amount of [10n, 20n])
    await accepted({ op: 'refund', actor: 'shop', transactionId: id, amount })
}

interface Judged {
  user: string
  isSound: boolean
  /** What the functions that name problems found. */
  problems: string[]
}

function judge(sql: Sql): Promise<Judged[]> {
  return sql<Judged[]>`
    with accounts as materialized (select array_agg(account_id) as ids from balance_snapshots),
    chains as materialized (select c.* from accounts a cross join lateral audit_chains(a.ids) as c),
    named as materialized (
      select c.account_id, p.problem
      from chains c
      cross join lateral (values ('hole', c.hole), ('misfit', c.misfit), ('broken', c.broken), ('early', c.early),
        ('stray', c.stray), ('crossed', c.crossed)) as p (problem, version)
      where p.version is not null
      union all select t.account_id, t.problem from accounts a cross join lateral audit_transactions(a.ids) as t
      union all select s.account_id, s.problem from accounts a cross join lateral audit_splits(a.ids) as s
      union all select t.account_id, 'sums'
      from accounts a cross join lateral audit_totals(a.ids, 1) as t
      join chains c on c.account_id = t.account_id
      where t.is_sound and (t.total, t.entries, t.amount, t.amount) is distinct from (c.total, c.entries, c.debits, c.credits)
    )
    select s.user_id as user, t.is_sound as "isSound",
      to_json(array(select distinct n.problem from named n where n.account_id = s.account_id order by 1)) as problems
    from accounts a cross join lateral audit_totals(a.ids, 1) as t
    join balance_snapshots s on s.account_id = t.account_id
    order by s.user_id`
}

interface Damage {
  what: string
  statements: string[]
}

/** Every row with every column altered, or gone; each as it is, and with all hashes made anew. */
async function damagesOf(ledger: Sample): Promise<Damage[]> {
  const damages: Damage[] = []
  for (const table of ['entries', 'transactions'] as const) {
    const rows = await ledger.owner<{ at: string }[]>`
      select ctid::text as at from ${ledger.owner(table)} order by ctid`
    for (const { at } of rows) {
      const where = `where ctid = '${at}'`
      const changes = Object.entries(ALTERED[table]).flatMap(([column, values]) =>
        values.map((value) => `update ${table} set ${column} = ${value} ${where}`),
      )
      for (const statement of [...changes, `delete from ${table} ${where}`]) {
        damages.push({ what: statement, statements: [statement] })
        if (table === 'entries') {
          damages.push({ what: `${statement}, rehashed`, statements: [statement, REHASH] })
        }
      }
    }
  }
  // An entry and its transaction, moved together.
  const entries = await ledger.owner<{ account: string; version: string; id: string }[]>`
    select account_id as account, version, transaction_id as id from entries order by 1, 2`
  for (const { account, version, id } of entries) {
    const balances = 'previous_balance = previous_balance + 5, new_balance = new_balance + 5'
    const entry = `account_id = ${account} and version = ${version}`
    damages.push({
      what: `${id}, moved`,
      statements: [
        `update entries set ${balances} where ${entry}`,
        `update transactions set ${balances} where id = '${id}'`,
        REHASH,
      ],
    })
    damages.push({
      what: `${id}, gone`,
      statements: [
        `delete from entries where ${entry}`,
        `delete from transactions where id = '${id}'`,
        REHASH,
      ],
    })
  }
  return damages
}

/** Of each rule that `audit_totals()` checks for the functions that name problems. */
const PROBLEMS = [
  ...['hole', 'misfit', 'broken', 'early', 'stray', 'crossed'],
  'an entry has no transaction',
  'a transaction names another user than its wallet',
  'a transaction succeeded without an entry',
  'a transaction that did not succeed has an entry',
  'a transaction and its entry differ in amount',
  'a transaction that needed two admins has only one',
  "an entry names another house account than its transaction's type asks for",
  'what is marked as refunded is not the sum of the refunds',
  'an open hold has captured more than it holds',
  'a hold was not charged what it captured',
  'the parts of a split payment are not the whole',
  'the entries of a split payment are not its parts',
  'a part of a split payment is not what its payee got',
  'what the parts of a split payment gave back is not what it gave back',
]

test('whatever is damaged, no account passes as sound in which something is wrong', async ({
  ledger,
}) => {
  await fill(ledger)
  const before = await judge(ledger.owner)
  expect(before).toEqual([
    { user: 'ann', isSound: true, problems: [] },
    { user: 'bob', isSound: true, problems: [] },
    // Left to the others: a payment that was split, and one that was refunded twice.
    { user: 'cid', isSound: false, problems: [] },
    { user: 'dan', isSound: false, problems: [] },
  ])

  const seen = new Set<string>()
  const passed: string[] = []
  const damages = await damagesOf(ledger)
  const connection = await ledger.owner.reserve()
  try {
    await connection.unsafe('begin')
    await connection.unsafe('set local session_replication_role = replica')
    // Somebody who may alter rows may drop what checks them.
    await connection.unsafe(`
      alter table entries drop constraint entries_check;
      alter table transactions drop constraint transactions_check`)
    for (const { what, statements } of damages) {
      await connection.unsafe('savepoint undamaged')
      for (const statement of statements) await connection.unsafe(statement)
      for (const { user, isSound, problems } of await judge(connection)) {
        for (const problem of problems) seen.add(problem)
        if (isSound && problems.length > 0) passed.push(`${user}: ${problems}: ${what}`)
      }
      await connection.unsafe('rollback to savepoint undamaged')
    }
    await connection.unsafe('rollback')
  } finally {
    connection.release()
  }
  expect(passed).toEqual([])
  expect([...seen].sort()).toEqual([...PROBLEMS].sort())
})
