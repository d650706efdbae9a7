import type { BalanceEvent, BalanceUpdated } from '../../src/client/index.ts'
import { words } from '../lib/language.ts'
import { absolute, formatMoney, isExact, subtract } from '../lib/money.ts'
import { formatCount } from '../lib/number.ts'
import { shortTime } from '../lib/time.ts'
import { typeName } from '../lib/transaction.ts'

/** What a person is told about an event. */
export interface EventWords {
  /** Words about the same thing replace each other. */
  about: string
  tone: 'gain' | 'loss' | 'plain'
  title: string
  text?: string
}

/** The balance of an event is a double. If it may be inexact, the words leave it out. */
export function balanceText(
  sentence: (money: string) => string,
  balance: number,
  currency: string,
): { text?: string } {
  return isExact(balance, currency) ? { text: sentence(formatMoney(balance, currency)) } : {}
}

/** Of an event that stands for several changes. The next one of its currency replaces it. */
function mergedWords(event: BalanceUpdated): EventWords {
  const { currency, count = 0, failed = 0, sum = 0, newBalance } = event
  const { events: text } = words()
  const now = balanceText(text.balanceNow, newBalance, currency).text
  const notCompleted = failed > 0 ? text.notCompleted(formatCount(failed)) : undefined
  const details = [now, notCompleted].filter(Boolean).join(' ')
  return {
    about: `changes of ${currency}`,
    tone: sum < 0 ? 'plain' : 'gain',
    title: text.changed(
      text.several(formatCount(count)),
      formatMoney(sum, currency, { signed: true }),
    ),
    ...(details && { text: details }),
  }
}

/** Undefined: nothing is said about the event, because another one says it. */
export function wordsOf(event: BalanceEvent): EventWords | undefined {
  const { id, currency } = event
  const { events: text } = words()
  switch (event.event) {
    case 'balance_updated': {
      const { transactionId, transactionType, amount, newBalance, previousBalance } = event
      if (event.count) return mergedWords(event)
      // The event `transaction_completed` follows at once and says it.
      if (transactionId !== undefined) return undefined
      const change = Number(amount ?? subtract(newBalance, previousBalance, currency))
      return {
        about: id,
        tone: change < 0 ? 'plain' : 'gain',
        title: text.changed(
          typeName(transactionType),
          formatMoney(change, currency, { signed: true }),
        ),
        ...balanceText(text.balanceNow, newBalance, currency),
      }
    }
    case 'transaction_completed': {
      const { transactionId, transactionType, amount, newBalance } = event
      const sum = formatMoney(absolute(amount, currency), currency)
      return {
        about: transactionId,
        tone: amount < 0 ? 'plain' : 'gain',
        title: text.completed(typeName(transactionType), sum),
        ...balanceText(text.balanceNow, newBalance, currency),
      }
    }
    case 'transaction_failed': {
      const { transactionId, transactionType, status } = event
      const ended = status === 'cancelled' || status === 'expired' ? status : 'declined'
      const declined = ended === 'declined'
      return {
        about: transactionId,
        tone: declined ? 'loss' : 'plain',
        title: text[ended](typeName(transactionType)),
        // The statement has the admin's note.
        text: declined ? text.seeStatement : text.noMoneyMoved,
      }
    }
    case 'balance_insufficient':
      return {
        about: id,
        tone: 'loss',
        title: text.short(formatMoney(event.shortfall, currency)),
        // The event does not say whether it was a payment, a withdrawal, a transfer or an adjustment.
        text: text.notTaken(formatMoney(event.requiredAmount, currency)),
      }
    case 'balance_alert': {
      const { threshold, direction, newBalance } = event
      return {
        about: id,
        tone: direction === 'below' ? 'loss' : 'plain',
        title: text[direction](formatMoney(threshold, currency)),
        ...balanceText(text.itIsNow, newBalance, currency),
      }
    }
    case 'wallet_frozen':
      return {
        about: id,
        tone: 'loss',
        title: text.frozen,
        text: {
          debits: text.frozenDebits,
          credits: text.frozenCredits,
          both: text.frozenBoth,
        }[event.frozen],
      }
    case 'wallet_unfrozen':
      return { about: id, tone: 'gain', title: text.unfrozen }
    case 'auto_topup_paused':
      return {
        about: event.transactionId,
        tone: 'loss',
        title: text.autoTopupPaused,
        text: text.autoTopupPausedText,
      }
    case 'hold_exhausted': {
      const { transactionId, heldAmount, capturedAmount, overage } = event
      return {
        about: transactionId,
        tone: 'loss',
        title: text.holdUsed(
          formatMoney(capturedAmount, currency),
          formatMoney(heldAmount, currency),
        ),
        text: overage === 'balance' ? text.holdOverage : text.holdNoMore,
      }
    }
    case 'hold_expiring': {
      const { transactionId, heldAmount, expiresAt } = event
      return {
        about: transactionId,
        tone: 'plain',
        title: text.holdEnds(formatMoney(heldAmount, currency)),
        text: text.holdEndsAt(shortTime(expiresAt)),
      }
    }
    default:
      return undefined
  }
}
