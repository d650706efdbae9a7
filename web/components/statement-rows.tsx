import type { ComponentChildren } from 'preact'
import { formatMoney } from '../lib/money.ts'
import { fullTime, shortTime } from '../lib/time.ts'
import {
  leftToRefund,
  STATUS_NAMES,
  STATUS_TONES,
  type Transaction,
  typeName,
} from '../lib/transaction.ts'

/** The buttons of a transaction's row. */
export type RowActions = (transaction: Transaction) => ComponentChildren

/** The transactions as a table. */
export function StatementRows({
  items,
  actions,
  mixed = false,
}: {
  items: Transaction[]
  actions: RowActions | undefined
  /** The rows have different currencies, so each row names its own. */
  mixed?: boolean
}) {
  return (
    <table class="table folds">
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">What</th>
          <th scope="col">Status</th>
          <th scope="col" class="right">
            Amount
          </th>
          <th scope="col" class="right">
            Balance
          </th>
          {actions && (
            <th scope="col">
              <span class="sr-only">Actions</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {items.map((item) => (
          <Row key={item.id} item={item} actions={actions} mixed={mixed} />
        ))}
      </tbody>
    </table>
  )
}

function Row({
  item,
  actions,
  mixed,
}: {
  item: Transaction
  actions: RowActions | undefined
  mixed: boolean
}) {
  const { type, amount, currency, status, description, adminNotes } = item
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
        <span class="what">{typeName(type)}</span>
        {other && <span class="note">{other}</span>}
        {description && <span class="note">{description}</span>}
        {reference && <span class="note">Reference {reference}</span>}
        {adminNotes && <span class="note">Note: {adminNotes}</span>}
      </td>
      <td class="status-cell">
        <span class={`chip ${STATUS_TONES[status]}`}>{STATUS_NAMES[status]}</span>
        {item.refundedAmount && (
          <span class="note figure">
            {leftToRefund(item)
              ? `Refunded in part: ${formatMoney(item.refundedAmount, currency)}`
              : 'Refunded in full'}
          </span>
        )}
      </td>
      <td class={`right money amount-cell ${moved ? (amount > 0 ? 'gain' : '') : 'soft'}`}>
        {formatMoney(amount, currency, { signed: true })}
        {mixed && <span class="note">{currency}</span>}
      </td>
      <td class="right money soft" data-label="Balance">
        {item.newBalance === null ? '' : formatMoney(item.newBalance, currency)}
      </td>
      {actions && <td class="right row-actions">{actions(item)}</td>}
    </tr>
  )
}

/** The other user of a transfer. */
function otherParty({ type, metadata }: Transaction): string | undefined {
  if (type !== 'transfer' || metadata === null) return undefined
  return metadata.toUserId ? `to ${metadata.toUserId}` : `from ${metadata.fromUserId}`
}

/** The payer's reference. Refunds and transfers refer to a transaction id, which means nothing to the reader. */
function referenceOf({ type, referenceId }: Transaction): string | null {
  return type === 'refund' || type === 'transfer' ? null : referenceId
}
