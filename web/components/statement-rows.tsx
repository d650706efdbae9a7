import type { ComponentChildren } from 'preact'
import { words } from '../lib/language.ts'
import { formatMoney } from '../lib/money.ts'
import { fullTime, shortTime } from '../lib/time.ts'
import { leftToRefund, STATUS_TONES, type Transaction, typeName } from '../lib/transaction.ts'

/** The buttons of a transaction's row. */
export type RowActions = (transaction: Transaction) => ComponentChildren

export type TransactionHref = (transaction: Transaction) => string

/** The transactions as a table. */
export function StatementRows({
  items,
  actions,
  hrefOf,
  mixed = false,
}: {
  items: Transaction[]
  actions?: RowActions | undefined
  /** The page of a transaction, where there is one. */
  hrefOf?: TransactionHref | undefined
  /** The rows have different currencies, so each row names its own. */
  mixed?: boolean
}) {
  const { statement: text } = words()
  return (
    <table class="table folds">
      <thead>
        <tr>
          <th scope="col">{text.when}</th>
          <th scope="col">{text.what}</th>
          <th scope="col">{text.status}</th>
          <th scope="col" class="right">
            {words().common.amount}
          </th>
          <th scope="col" class="right">
            {text.balance}
          </th>
          {actions && (
            <th scope="col">
              <span class="sr-only">{text.actions}</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {items.map((item) => (
          <Row key={item.id} {...{ item, actions, hrefOf, mixed }} />
        ))}
      </tbody>
    </table>
  )
}

function Row({
  item,
  actions,
  hrefOf,
  mixed,
}: {
  item: Transaction
  actions: RowActions | undefined
  hrefOf: TransactionHref | undefined
  mixed: boolean
}) {
  const { type, amount, currency, status, description, adminNotes } = item
  const { statement: text, statuses } = words()
  const other = otherParty(item)
  const reference = referenceOf(item)
  const moved = status === 'success'
  return (
    <tr>
      <td class="when-cell soft small">
        <time dateTime={item.createdAt} title={fullTime(item.createdAt)}>
          {shortTime(item.createdAt)}
        </time>
      </td>
      <td class="lead-cell">
        <span class="what">
          {hrefOf ? <a href={hrefOf(item)}>{typeName(type)}</a> : typeName(type)}
        </span>
        {other && <span class="note">{other}</span>}
        {description && <span class="note">{description}</span>}
        {reference && <span class="note">{text.referenceIs(reference)}</span>}
        {adminNotes && <span class="note">{text.noteIs(adminNotes)}</span>}
      </td>
      <td class="status-cell">
        <span class={`chip ${STATUS_TONES[status]}`}>{statuses[status]}</span>
        {item.refundedAmount && (
          <span class="note figure">
            {leftToRefund(item)
              ? text.refundedInPart(formatMoney(item.refundedAmount, currency))
              : text.refundedInFull}
          </span>
        )}
      </td>
      <td class={`right money amount-cell ${moved ? (amount > 0 ? 'gain' : '') : 'soft'}`}>
        {formatMoney(amount, currency, { signed: true })}
        {mixed && <span class="note">{currency}</span>}
      </td>
      <td class="right money soft" data-label={text.balance}>
        {item.newBalance === null ? '' : formatMoney(item.newBalance, currency)}
      </td>
      {actions && <td class="right row-actions">{actions(item)}</td>}
    </tr>
  )
}

/** The other user of a transfer. */
function otherParty({ type, metadata }: Transaction): string | undefined {
  if (type !== 'transfer' || metadata === null) return undefined
  const { toUser, fromUser } = words().statement
  return metadata.toUserId
    ? toUser(String(metadata.toUserId))
    : fromUser(String(metadata.fromUserId))
}

/** The payer's reference. Refunds and transfers refer to a transaction id, which means nothing to the reader. */
function referenceOf({ type, referenceId }: Transaction): string | null {
  return type === 'refund' || type === 'transfer' ? null : referenceId
}
