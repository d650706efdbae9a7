import type {
  FailingUser,
  WebhookAttempt,
  WebhookBacklog,
  WebhookEndpoint,
} from '../../src/deliveries/webhook.ts'
import type { LedgerEventName } from '../../src/ledger/event.ts'

/** A webhook in the list of `/admin/webhooks`, with how far it is behind. */
export type ListedWebhook = WebhookEndpoint & WebhookBacklog

export interface Deliveries {
  failing: FailingUser[]
  items: WebhookAttempt[]
  nextCursor: string | null
}

export const webhookPath = (id: string, action?: string) =>
  `/admin/webhooks/${encodeURIComponent(id)}${action ? `/${action}` : ''}`

/** The events that a webhook can be limited to, with what they tell. */
export const EVENT_NAMES = {
  balance_updated: 'A balance changed',
  transaction_completed: 'A transaction was completed',
  transaction_failed: 'A transaction failed, was cancelled or has expired',
  balance_insufficient: 'A debit was refused for lack of money',
  balance_alert: 'A balance crossed a threshold',
  wallet_frozen: 'A wallet was frozen',
  wallet_unfrozen: 'A wallet was unfrozen',
  available_changed: 'The available amount changed, not the balance',
  hold_exhausted: 'Nothing is left of a hold',
  hold_expiring: 'A hold expires soon',
  auto_topup_paused: 'An auto top-up was paused',
} satisfies Record<LedgerEventName, string>

export type Tone = 'gain' | 'loss' | 'wait' | ''

/** What is most urgent about it. */
export function stateOf(webhook: ListedWebhook): readonly [tone: Tone, text: string] {
  const { paused, pausedReason, setAsideUsers, failingUsers, waitingUsers } = webhook
  if (pausedReason === 'gone') return ['loss', 'Stopped: the receiver is gone']
  if (paused) return ['wait', 'Paused']
  if (setAsideUsers > 0) return ['loss', `Set aside: ${usersText(setAsideUsers)}`]
  if (failingUsers > 0) return ['loss', `Failing: ${usersText(failingUsers)}`]
  if (waitingUsers > 0) return ['wait', `Sending: ${usersText(waitingUsers)}`]
  return ['gain', 'Up to date']
}

export const usersText = (count: number) => `${count} ${count === 1 ? 'user' : 'users'}`

/** “5 to 9”, or “5”. */
export const seqsText = (from: number, to: number) => (from === to ? `${from}` : `${from} to ${to}`)
