import { REQUEST_TYPES } from './command.ts'
import { type ChangeRow, toIso } from './rows.ts'

/**
 * What admins are told beside the events of users. It is about nothing that happened to a user's money, so it is no
 * event of the user's stream and has no `seq`.
 */
export const ADMIN_NOTICES = ['request_waiting', 'provider_case', 'webhook_changed'] as const

export interface AdminNotice {
  event: (typeof ADMIN_NOTICES)[number]
  tenant: string
  /** ISO 8601. */
  timestamp: string
  userId?: string
  transactionId?: string
  transactionType?: string
  /** Minor units of `currency`. */
  amount?: bigint
  currency?: string
  /** Only of `provider_case`: why it waits. */
  reason?: string
  /** Only of `webhook_changed`. */
  webhookId?: string
}

const TYPES: ReadonlySet<string> = new Set(REQUEST_TYPES)

/** The requests among the changes that wait for an admin, or still do after a first approval. */
export function requestsIn(changes: readonly ChangeRow[]): AdminNotice[] {
  const requests: AdminNotice[] = []
  for (const { transaction } of changes) {
    if (transaction.status !== 'pending' || !TYPES.has(transaction.type)) continue
    if (transaction.id === null) continue
    requests.push({
      event: 'request_waiting',
      tenant: transaction.tenant,
      timestamp: toIso(transaction.updated_at),
      userId: transaction.user_id,
      transactionId: transaction.id,
      transactionType: transaction.type,
      amount: BigInt(transaction.amount),
      currency: transaction.currency,
    })
  }
  return requests
}
