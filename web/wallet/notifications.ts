import type { BalanceClient } from '../../src/client/index.ts'
import type { Toasts } from '../components/toasts.tsx'
import { absolute, formatMoney, isExact, subtract } from '../lib/money.ts'
import { typeName } from '../lib/transaction.ts'

/** The balance of an event is a double. If it may be inexact, the notification leaves it out. */
function balanceText(words: string, balance: number, currency: string): { text?: string } {
  return isExact(balance, currency) ? { text: `${words} ${formatMoney(balance, currency)}.` } : {}
}

/** Shows the client's events as notifications. Returns a function that stops it. */
export function showNotifications(client: BalanceClient, toasts: Toasts): () => void {
  let greeted = false
  const stops = [
    client.on('balance_initial', ({ balance, currency, recovered }) => {
      // A connection that came back without missing an event needs no notification.
      if (greeted && recovered !== false) return
      toasts.show({
        about: 'connection',
        tone: 'plain',
        title: greeted ? 'Connected again' : 'You are live',
        ...balanceText('Your balance is', balance, currency),
      })
      greeted = true
    }),
    client.on('balance_updated', ({ id, transactionId, transactionType, amount, ...rest }) => {
      // The event `transaction_completed` follows at once, and one notification is enough.
      if (transactionId !== undefined) return
      const { newBalance, previousBalance, currency } = rest
      const change = Number(amount ?? subtract(newBalance, previousBalance, currency))
      toasts.show({
        about: id,
        tone: change < 0 ? 'plain' : 'gain',
        title: `${typeName(transactionType)} ${formatMoney(change, currency, { signed: true })}`,
        ...balanceText('Your balance is now', newBalance, currency),
      })
    }),
    client.on('transaction_completed', (event) => {
      const { transactionId, transactionType, amount, newBalance, currency } = event
      // Only this event shows a notification of a transaction, not `balance_updated`.
      toasts.show({
        about: transactionId,
        tone: amount < 0 ? 'plain' : 'gain',
        title: `${typeName(transactionType)} of ${formatMoney(absolute(amount, currency), currency)} completed`,
        ...balanceText('Your balance is now', newBalance, currency),
      })
    }),
    client.on('transaction_failed', ({ transactionId, transactionType, status }) => {
      const what = typeName(transactionType)
      const ended = status === 'cancelled' || status === 'expired' ? status : 'declined'
      const declined = ended === 'declined'
      toasts.show({
        about: transactionId,
        tone: declined ? 'loss' : 'plain',
        title: `${what} ${ended}`,
        // The statement has the admin's note.
        text: declined ? 'No money moved. The statement says more.' : 'No money moved.',
      })
    }),
    client.on('balance_insufficient', ({ id, requiredAmount, shortfall, currency }) => {
      toasts.show({
        about: id,
        tone: 'loss',
        title: `${formatMoney(shortfall, currency)} short`,
        // The event does not say whether it was a payment, a withdrawal, a transfer or an adjustment.
        text: `${formatMoney(requiredAmount, currency)} could not be taken: there was not enough to spend.`,
      })
    }),
    client.on('balance_alert', ({ id, threshold, direction, newBalance, currency }) => {
      toasts.show({
        about: id,
        tone: direction === 'below' ? 'loss' : 'plain',
        title: `Balance ${direction} ${formatMoney(threshold, currency)}`,
        ...balanceText('It is now', newBalance, currency),
      })
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}
