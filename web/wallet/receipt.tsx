import { Button } from '../components/button.tsx'
import { Failure, Loading } from '../components/states.tsx'
import { useLoaded } from '../hooks/use-loaded.ts'
import { words } from '../lib/language.ts'
import { absolute, formatMoney } from '../lib/money.ts'
import { Problem } from '../lib/problem.ts'
import { fullTime } from '../lib/time.ts'
import { movedAt, type Transaction, typeName } from '../lib/transaction.ts'
import type { SectionProps } from './section.ts'

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i

/** One transaction with everything that is known about it, to keep or to print. */
export function Receipt({ api, route, version }: SectionProps) {
  const { receipt: text } = words()
  const { id = '' } = route
  const loaded = useLoaded(
    async (signal) => {
      // As of a link that was cut off. The server would say so in English.
      if (!UUID.test(id)) throw new Problem(404, 'not_found', '')
      return api.get<Transaction>(`/transactions/${id}`, {}, signal)
    },
    [api, id],
    version,
  )
  return (
    <article class="card slip" aria-label={text.title}>
      {loaded.problem !== undefined && <Failure problem={loaded.problem} retry={loaded.reload} />}
      {!loaded.value && loaded.loading && <Loading what={text.reading} />}
      {loaded.value && <Details transaction={loaded.value} />}
    </article>
  )
}

function Details({ transaction }: { transaction: Transaction }) {
  const { receipt: text, statuses } = words()
  const { currency, amount, newBalance, refundedAmount, status } = transaction
  const { from, to } = partiesOf(transaction)
  const rows: [name: string, value: string | null | undefined][] = [
    [text.date, fullTime(movedAt(transaction))],
    [text.status, statuses[status]],
    [text.from, from],
    [text.to, to],
    [text.description, transaction.description],
    [text.reference, referenceOf(transaction)],
    [text.note, transaction.adminNotes],
    [text.refunded, refundedAmount === undefined ? null : formatMoney(refundedAmount, currency)],
    [text.balanceAfter, newBalance === null ? null : formatMoney(newBalance, currency)],
    [text.id, transaction.id],
  ]
  return (
    <>
      <header class="slip-head">
        <span class="brand">Livebalance</span>
        <h2>{status === 'success' ? text.title : text.details}</h2>
      </header>
      <p class="slip-sum">
        <span class="soft">{typeName(transaction.type)}</span>
        <strong class="money">{formatMoney(absolute(amount, currency), currency)}</strong>
      </p>
      <dl class="slip-rows">
        {rows.map(
          ([name, value]) =>
            value && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
      <p class="small soft only-print">{text.printed(fullTime(new Date().toISOString()))}</p>
      <div class="actions no-print">
        <Button kind="quiet" onClick={() => print()}>
          {text.print}
        </Button>
      </div>
    </>
  )
}

/** Who gave the money to whom. */
function partiesOf({ userId, amount, metadata }: Transaction): { from: string; to: string } {
  const { receipt: text } = words()
  const you = text.you(userId)
  const other = metadata?.toUserId ?? metadata?.fromUserId
  const them = typeof other === 'string' ? other : text.house
  return Number(amount) < 0 ? { from: you, to: them } : { from: them, to: you }
}

/** Refunds and transfers refer to a transaction of the ledger, which is no reference of the reader's. */
function referenceOf({ type, referenceId }: Transaction): string | null {
  return type === 'transfer' ? null : referenceId
}
