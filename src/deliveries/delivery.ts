import type { LedgerEvent, UserRef } from '../ledger/event.ts'

/** One step of a user's events on the way to a target, in the order of `seq`. */
export type Delivery =
  | {
      kind: 'event'
      event: LedgerEvent
      /** Events before it that go in the same delivery. */
      earlier?: readonly LedgerEvent[]
    }
  /** The events from one seq to another were deleted before they could be sent. */
  | { kind: 'skipped'; user: UserRef; fromSeq: number; toSeq: number }

/** What became of one delivery. */
export interface Answer {
  delivered: boolean
  /** Of HTTP; null without an answer. */
  status: number | null
  /** A short reason for people, if it failed. Never a secret. */
  error: string | null
  durationMs: number
  /** The receiver says that it has the user's events up to this seq. */
  haveSeq?: number | undefined
  /** The receiver asks for this pause. */
  retryAfterMs?: number | undefined
  /** The receiver wants nothing more, ever. */
  gone?: boolean
}

/** What a sink does with the events of a user that wait: a delivery, or nothing more for now. */
export type Step = Delivery | { kind: 'wait'; forMs: number }

/** Sends one delivery. It never rejects: a failure is an answer. */
export interface Sink<Target> {
  /** Divides the waiting events into deliveries, in order. Default: each is one. */
  plan?(waiting: Waiting<Target>): Iterable<Step>
  /** Whether the target wants this delivery. */
  wants(target: Target, delivery: Delivery): boolean
  send(target: Target, delivery: Delivery): Promise<Answer>
}

/** A user whose events wait at a target, with the next ones. The claimer sends them; nobody else does meanwhile. */
export interface Waiting<Target> extends UserRef {
  target: Target
  targetId: string
  /** Of the targets that share a receiver: so many are under way at the same time, and not more. */
  receiver: string
  walletId: string
  /** The target has the events up to here. */
  ackedSeq: number
  /** The newest event that may be sent. */
  lastSeq: number
  /** Failed attempts of the next event. */
  attempts: number
  /** Since the first of them. */
  failingMs: number
  /** In order. If the first is not the one after `ackedSeq`, those before it were deleted. */
  events: LedgerEvent[]
}

/** Several events that were delivered one after another, or one that was not. */
export interface Attempt {
  fromSeq: number
  toSeq: number
  delivered: boolean
  status: number | null
  error: string | null
  durationMs: number
}

export interface Result {
  tenant: string
  targetId: string
  walletId: string
  ackedSeq: number
  /** `underway` renews the claim, the others end it. `set_aside` waits for a replay, `waits` for a time. */
  outcome: 'underway' | 'done' | 'failed' | 'set_aside' | 'waits'
  /** Of `failed` and `waits`: the pause before the next attempt. */
  retryMs?: number
  error?: string | null
  attempts: Attempt[]
}

/** The cursors of one kind of target. Several processes share them. */
export interface DeliveryStore<Target> {
  /**
   * @param most claims at most so many
   * @param inFlight users under way by receiver
   */
  claim(most: number, inFlight: ReadonlyMap<string, number>): Promise<Waiting<Target>[]>
  /** Whether this process may go on with the user. False if it lost the claim. */
  record(result: Result): Promise<boolean>
  /** Sends nothing more to the target, because it wants nothing more. */
  retire(targetId: string): Promise<void>
}
