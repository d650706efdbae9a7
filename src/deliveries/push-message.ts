import { createHash } from 'node:crypto'
import { eventId, type LedgerEvent } from '../ledger/event.ts'
import type { PushMessage, PushTarget } from './push.ts'
import { changeOf, isUrgent, kindOf } from './push-rules.ts'
import { type RawFigures, textOf } from './push-texts.ts'
import { isQuiet } from './quiet-hours.ts'

/** What a device shows of an event, or of several that were held back. */
export function messageOf(
  {
    language,
    figures,
    rules,
    quietHours,
  }: Pick<PushTarget, 'language' | 'figures' | 'rules' | 'quietHours'>,
  event: LedgerEvent,
  earlier: readonly LedgerEvent[],
  epoch: string,
): PushMessage {
  const first = earlier[0] ?? event
  const kind = earlier.length > 0 ? 'summary' : (kindOf(event, rules) ?? 'change')
  const isNight = quietHours && isQuiet(quietHours, Date.parse(event.timestamp))
  const raw = figures ? { ...rawFiguresOf(event), count: earlier.length + 1 } : undefined
  return {
    kind,
    id: eventId(epoch, event.seq),
    // By the first one, because a repeated summary may have more of them.
    tag: eventId(epoch, first.seq),
    ...textOf(kind === 'summary' && !isNight ? 'several' : kind, language, raw),
    language,
    timestamp: event.timestamp,
  }
}

function rawFiguresOf(event: LedgerEvent): Omit<RawFigures, 'count'> {
  const { currency, newBalance, requiredAmount, available = newBalance } = event
  const amount = requiredAmount ?? event.amount ?? 0n
  return {
    currency,
    change: changeOf(event),
    balance: newBalance,
    amount: amount < 0n ? -amount : amount,
    shortfall: amount - available,
  }
}

export function urgencyOf({ kind }: PushMessage): 'normal' | 'high' {
  return isUrgent(kind) ? 'high' : 'normal'
}

/** The topic of a push service has 32 characters of base64url. */
export function topicOf({ tag }: PushMessage): string {
  return createHash('sha256').update(tag).digest('base64url').slice(0, 32)
}
