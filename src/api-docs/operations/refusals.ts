/** Of what asks for an amount that moves nothing yet. */
export const opens = ['invalid_amount', 'unknown_currency', 'limit_exceeded'] as const

/** Of what takes it from what is available. */
export const spends = [...opens, 'insufficient_funds'] as const

/** Of what decides on a transaction that is pending. */
export const settles = ['not_found', 'wrong_type', 'already_processed'] as const
