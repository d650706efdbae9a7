/** Says of an answer whether it is the first one to its idempotency key, given again. */
export const replayedHeader = (replayed: boolean): Record<string, string> =>
  replayed ? { 'Idempotency-Replayed': 'true' } : {}
