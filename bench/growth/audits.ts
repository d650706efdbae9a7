import { Auditor } from '../../src/ledger/auditor.ts'
import { connect } from '../../src/postgres/database.ts'
import { compare, count, type Row } from '../row.ts'

/** The whole audit as the server runs it, beside a plain hash and sum of the same rows. */
export async function audited(url: string, size: number): Promise<Row> {
  const sql = connect(url, { max: 2 })
  const before = process.memoryUsage().rss
  let most = before
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss)
  }, 50)
  const began = performance.now()
  const audit = await new Auditor(sql).audit('default')
  const ms = performance.now() - began
  clearInterval(watch)
  const plainBegan = performance.now()
  await sql`
    select sum(amount), max(sha256(hash || int8send(account_id) || int8send(version) || uuid_send(transaction_id)
      || int8send(debit_account) || int8send(credit_account) || int8send(amount) || int8send(previous_balance)
      || int8send(new_balance) || timestamptz_send(created_at))) from entries`
  const plain = performance.now() - plainBegan
  await sql.end()
  if (audit.discrepancies.length > 0) {
    throw new Error(`the fill is not sound: ${JSON.stringify(audit.discrepancies[0])}`)
  }
  const perEntry = (value: number) => [(value / size) * 1000]
  console.log(`  audit: Node's memory grew by ${Math.round((most - before) / 2 ** 20)} MB`)
  return compare({
    what: `audit of ${count(size)} entries, each`,
    unit: 'µs',
    ours: perEntry(ms),
    limit: { name: 'a plain SHA-256 and sum of the same', rounds: perEntry(plain) },
    direction: '≤',
  })
}
