import { useCallback, useEffect, useState } from 'preact/hooks'
import type {
  BalanceClient,
  TransactionCompleted,
  TransactionFailed,
} from '../../src/client/index.ts'
import type { Transaction } from '../lib/transaction.ts'

/** More than a page of the statement can show. */
const MAX_RECENT = 20

/** The transactions of recent events and answers, newest first, until the statement is read again. */
export function useRecent(client: BalanceClient): {
  recent: readonly Transaction[]
  add: (transaction: Transaction) => void
} {
  const [recent, setRecent] = useState<readonly Transaction[]>([])
  const add = useCallback((transaction: Transaction) => {
    setRecent((recent) => {
      const before = recent.find(({ id }) => id === transaction.id)
      // An answer has more fields than an event.
      const { id, status, newBalance, updatedAt } = transaction
      const now = before ? { ...before, status, newBalance, updatedAt } : transaction
      return [now, ...recent.filter((other) => other.id !== id)].slice(0, MAX_RECENT)
    })
  }, [])
  useEffect(() => {
    const stops = [
      client.on('transaction_completed', (event) => add(fromEvent(event))),
      client.on('transaction_failed', (event) => add(fromEvent(event))),
      client.on('balance_updated', ({ count }) => {
        // What is pending may have ended among the changes that the event stands for.
        if (count) setRecent((recent) => recent.filter(({ status }) => status !== 'pending'))
      }),
      client.on('balance_initial', ({ recovered }) => {
        if (recovered === false) setRecent([])
      }),
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }, [client, add])
  return { recent, add }
}

/** A transaction with the fields of an event. The other fields are read a moment later. */
function fromEvent(event: TransactionCompleted | TransactionFailed): Transaction {
  const { transactionId, transactionType, status, currency, timestamp } = event
  const completed = 'amount' in event
  return {
    id: transactionId,
    type: transactionType,
    status: status ?? (completed ? 'success' : 'failed'),
    amount: completed ? event.amount : 0,
    newBalance: completed ? event.newBalance : null,
    currency,
    createdAt: timestamp,
    updatedAt: timestamp,
    metadata: null,
  } as Transaction
}
