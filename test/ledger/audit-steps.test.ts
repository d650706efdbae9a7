import { expect } from 'vitest'
import { Auditor } from '../../src/ledger/auditor.ts'
import type { Sql } from '../../src/postgres/database.ts'
import { tenant, test } from '../support/ledger/sample.ts'

/** Opens wallets of these users, in their order, with 5 cents each. */
const open = (sql: Pick<Sql, 'unsafe'>, users: string[]) => {
  const gift = { op: 'adjustment', tenant, actor: 'ada', currency: 'USD', amount: '5' }
  const commands = users.map((user_id) => ({ ...gift, user_id }))
  return sql.unsafe(`select results from ledger_apply('${JSON.stringify(commands)}'::json)`)
}
const users = (name: string, count: number) => Array.from({ length: count }, (_, i) => name + i)

function signal() {
  let give = () => {}
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  return { given, give: () => give() }
}

test('a wallet that appears during an audit, from a transaction that began before, hides no other one', async ({
  ledger,
}) => {
  await open(ledger.owner, users('a', 300))
  let audit: ReturnType<Auditor['audit']> | undefined
  const [planned, committed] = [signal(), signal()]
  await ledger.owner.begin(async (tx) => {
    await open(tx, ['late'])
    await open(ledger.owner, users('b', 400))
    // The last of the first 500.
    await ledger.owner`
      update balance_snapshots set balance = balance + 1000
      where account_id = (select account_id from balance_snapshots order by account_id offset 499 limit 1)`
    let asked = 0
    const sql = (async (...query: Parameters<Sql>) => {
      const rows = await ledger.sql(...query)
      asked += 1
      if (asked === 1) {
        planned.give()
        await committed.given
      }
      return rows
    }) as unknown as Sql
    audit = new Auditor(sql).audit(tenant)
    await planned.given
  })
  committed.give()
  expect(await audit).toMatchObject({ total: 701, inaccurate: 1 })
})
