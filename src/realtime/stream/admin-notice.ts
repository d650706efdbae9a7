import { ADMIN_NOTICES } from '../../ledger/admin-notice.ts'
import type { EpochOf } from '../../ledger/event.ts'
import { parseJson } from '../../lib/json.ts'

/** What admins of one tenant get of a message. */
export interface NoticeMessage {
  event: (typeof ADMIN_NOTICES)[number]
  tenant: string
  userId: string | undefined
  transactionType: string | undefined
  payload: object
}

/** The notice in a text from the channel. Undefined for a text that is none of this ledger. */
export function parseNotice(text: string, epochOf: EpochOf): NoticeMessage | undefined {
  let message: unknown
  try {
    message = parseJson(text)
  } catch {
    return undefined
  }
  if (message === null || typeof message !== 'object') return undefined
  const { event, tenantId, epoch: from, ...payload } = message as Record<string, unknown>
  const known = ADMIN_NOTICES.find((name) => name === event)
  if (known === undefined || typeof tenantId !== 'string') return undefined
  if (from === undefined || from !== epochOf(tenantId)) return undefined
  const { userId, transactionType } = payload
  return {
    event: known,
    tenant: tenantId,
    userId: typeof userId === 'string' ? userId : undefined,
    transactionType: typeof transactionType === 'string' ? transactionType : undefined,
    payload,
  }
}
