/** One caller's idempotency key. */
export interface RequestKey {
  tenant: string
  /** Whose key: the token's `sub`. */
  actor: string
  key: string
}

/** The right to act on an idempotency key, until it is answered, given up, or not renewed in time. */
export interface Claim extends RequestKey {
  /** A UUID, of this claim alone. */
  id: string
}

/** A request that came with an idempotency key. */
export interface KeyedRequest extends RequestKey {
  /** All that is asked for, as text that is the same for the same request. */
  asked: string
}

/** `replayed`: the first answer to the key, given again. */
export interface StoredResponse {
  answer: string
  replayed: boolean
}

/** First answers to requests that are no commands of the ledger (those keep their own, in `Executor`). */
export interface IdempotencyStore {
  /**
   * Acts, unless the key has its answer already, and keeps the answer. Of two at once one acts, and the
   * other waits for its answer.
   * @param act its answer, as text. What it throws is no answer: the next to come acts. When its process
   *   ends before the answer is kept, or stalls for long, so it is too, after some seconds; so it keeps the
   *   answer itself (by its claim) with what it commits, or does no harm when it is done again
   * @returns `reused`: the key stands for another request; `busy`: who acts is not done within patience
   */
  once(
    request: KeyedRequest,
    act: (claim: Claim) => Promise<string>,
  ): Promise<StoredResponse | 'reused' | 'busy'>
}
