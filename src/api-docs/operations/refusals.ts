/** Of what names an amount and a currency. */
export const opens = ['invalid_amount', 'unknown_currency'] as const

/** Of what takes the amount from the available money, by its user's wish. */
export const spends = [...opens, 'limit_exceeded', 'insufficient_funds'] as const

/** Of what decides on a transaction that is pending. */
export const settles = ['not_found', 'wrong_type', 'already_processed'] as const

/** Of a write that the ledger's commands are no part of: a second one waits for the first. */
export const stillRunning = {
  503: '`timeout`: The first request with this `Idempotency-Key` is still running.',
} as const
