import type {
  Command,
  Committed,
  Outcome,
  Transaction,
  TransactionStatus,
  TransactionType,
} from './command.ts'
import type { LedgerEvent, Who } from './event.ts'

/** A wallet in one currency. Amounts in minor units. */
export interface Balance {
  balance: bigint
  /** Promised to open holds and withdrawals; `balance - held` can be spent. */
  held: bigint
  currency: string
  /** The user's newest event when this was read: what has a smaller seq is already counted in. */
  seq: number
  updatedAt: string
}

/** What a stream needs of the ledger to resume and to repair: read from Postgres, never from a cache. */
export interface EventStore {
  /** Names this database's life: ids of events begin with it. */
  readonly epoch: string
  /** The balance in `currency`; zeros and seq 0 for a user who has no wallet yet. */
  balance(who: Who, currency: string): Promise<Balance>
  /**
   * The user's events with `after < seq`, in order, at most `limit`. `head` is the newest seq at the
   * same instant. When the first one's seq is not `after + 1`, older ones were pruned.
   */
  eventsAfter(
    who: Who,
    after: number,
    limit: number,
  ): Promise<{ head: number; events: LedgerEvent[] }>
  /** The newest seq of each, in the order asked; 0 for the unknown. One query however many. */
  heads(whos: readonly Who[]): Promise<number[]>
}

/** One wallet in one currency, as the cache holds it. `balance` in minor units, true at `seq`. */
export interface WalletState extends Who {
  currency: string
  balance: bigint
  seq: number
}

/** What was committed and is not known to be published. Rows are found by existence, never by cursor. */
export interface OutboxStore {
  /**
   * The oldest rows that nobody wrote or claimed within the last `olderThanMs`, at most `limit`, and
   * claims them: another claimer skips them (SKIP LOCKED) until as much time has passed again.
   */
  claim(limit: number, olderThanMs: number): Promise<Committed[]>
  /** Deletes the rows; unknown ids are no error (another process was quicker). */
  acknowledge(outboxIds: readonly string[]): Promise<void>
}

/** For a cache that may have gone back in time with its Redis. */
export interface ChangeLog {
  /**
   * The wallets (per currency) whose balance changed within the last `withinSeconds`, at most `limit`
   * after `cursor` (null: from the start), in a fixed order. `next` is null on the last page.
   */
  changedWithin(
    withinSeconds: number,
    cursor: string | null,
    limit: number,
  ): Promise<{ wallets: WalletState[]; next: string | null }>
}

/** The ledger's write side. */
export interface Executor {
  /** Applies one command; resolves once it is committed. Refusals are values; throws only for bugs and outages. */
  execute(command: Command): Promise<Outcome>
}

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
export interface Kept {
  answer: string
  replayed: boolean
}

/** First answers to requests that are no commands of the ledger (those keep their own, in `Executor`). */
export interface Answers {
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
  ): Promise<Kept | 'reused' | 'busy'>
}

/** Which transactions; what is left out does not narrow. Newest first. */
export interface TransactionFilter {
  tenant: string
  userId?: string
  type?: TransactionType
  status?: TransactionStatus
  currency?: string
  /** ISO 8601, by `createdAt`: inclusive and exclusive. */
  from?: string
  to?: string
}

export interface TransactionQuery extends TransactionFilter {
  /** The `nextCursor` of the page before: the id of its last transaction. */
  cursor?: string
  limit: number
}

export interface TransactionPage {
  items: Transaction[]
  /** Null on the last page. */
  nextCursor: string | null
}

/** A row of `balance_snapshots`: a wallet's balance in one currency as of its newest entry. */
export interface Snapshot extends Who {
  currency: string
  /** Minor units. */
  balance: bigint
  held: bigint
  /** The number of entries behind it. */
  version: number
  /** ISO 8601. */
  createdAt: string
  updatedAt: string
}

/** The ledger's read side. Everything is read from Postgres. */
export interface Reader extends Pick<EventStore, 'balance'> {
  /** Minor units; 0 before the first entry. `at` is ISO 8601, inclusive. */
  balanceAt(who: Who, currency: string, at: string): Promise<bigint>
  snapshot(who: Who, currency: string): Promise<Snapshot | undefined>
  /** With `userId`, only that user's own transaction is found. */
  transaction(tenant: string, id: string, userId?: string): Promise<Transaction | undefined>
  transactions(query: TransactionQuery): Promise<TransactionPage>
  /**
   * The whole selection, oldest first, in pages: memory does not grow with its length. What is added
   * while it is read may or may not be in it; nothing is in it twice. Leaving the loop early frees the cursor.
   */
  statement(filter: TransactionFilter): AsyncIterable<Transaction[]>
}

/** Amounts in minor units of `currency`. */
export interface Verification {
  currency: string
  snapshotBalance: bigint
  /** The sum of the wallet's entries. */
  calculatedBalance: bigint
  isAccurate: boolean
}

/** What does not add up: a wallet (`userId` is set) or the ledger as a whole. */
export interface Discrepancy {
  userId?: string
  currency?: string
  /** What was found, in words fit for an admin: "snapshot differs from the sum of entries". */
  problem: string
  snapshotBalance?: bigint
  calculatedBalance?: bigint
  /** The entry or transaction where it shows first, where there is one. */
  at?: string
}

export interface Audit {
  /** Wallets, one per user and currency. */
  total: number
  accurate: number
  inaccurate: number
  /** The first 1,000 of them. */
  discrepancies: Discrepancy[]
  /** All debits and all credits of the tenant, in minor units: equal in a sound ledger. */
  ledger: { currency: string; debits: bigint; credits: bigint }[]
  /** Entries counted. */
  entries: number
}

/** Amounts in minor units. */
export interface Recalculation {
  previousBalance: bigint
  newBalance: bigint
  /** The snapshot was wrong: its balance, what is held, or the newest entry that it names. */
  corrected: boolean
}

/** Which wallets of the tenant: at most `limit` (default all) after `cursor` (default the first). */
export interface RecalculationStretch {
  cursor?: string
  limit?: number
}

export interface RecalculationOfAll {
  /** Wallets looked at by this call. */
  total: number
  /** Those of them that were wrong. */
  corrected: number
  /** Where to go on; null when none is left. */
  nextCursor: string | null
  /** Wallets that are left. */
  remaining: number
}

/**
 * Called before the first step of an audit and after each, with the steps done and the steps in all. What it
 * throws ends the audit.
 */
export type AuditProgress = (done: number, of: number) => void

/** Proof that the books are right, and the repair of a snapshot that is not. */
export interface Auditor {
  /** Undefined: this user has no wallet in this currency. */
  verify(who: Who, currency: string): Promise<Verification | undefined>
  audit(tenant: string, onStep?: AuditProgress): Promise<Audit>
  /**
   * Rebuilds the snapshot from the entries under the wallet's lock, refreshes the cache and tells the
   * clients, also when nothing had to change. Undefined: no such wallet.
   * @param claim its key's answer, a `Recalculation` with its amounts as text, is kept in the same transaction
   */
  recalculate(who: Who, currency: string, claim?: Claim): Promise<Recalculation | undefined>
  /** `recalculate` for every wallet of the tenant that is wrong; the cache is refreshed for the others too. */
  recalculateAll(tenant: string, stretch?: RecalculationStretch): Promise<RecalculationOfAll>
}

/** Which wallets of a tenant, by user id; `search` is a part of it, in any case of letters. */
export interface WalletQuery {
  tenant: string
  currency: string
  search?: string
  /** The `nextCursor` of the page before. */
  cursor?: string
  limit: number
}

/** A user and what they have in one currency: minor units, zeros before the first entry. */
export interface WalletSummary {
  userId: string
  currency: string
  balance: bigint
  held: bigint
  /** ISO 8601, of the newest change. */
  updatedAt: string
}

/** What an admin sees of everyone, and of the ledger's own state. */
export interface Overview {
  wallets(query: WalletQuery): Promise<{ items: WalletSummary[]; nextCursor: string | null }>
  /**
   * What is committed and not known to be published: rows, counted up to 10,000, and the age of the
   * oldest in seconds (0 without any).
   */
  backlog(): Promise<{ rows: number; oldestSeconds: number }>
}

/** Tells its user once, by `balance_alert`, when the balance crosses the threshold to that side. */
export interface Monitor extends Who {
  id: string
  currency: string
  /** Minor units. */
  threshold: bigint
  direction: 'below' | 'above'
  createdAt: string
}

/** What a user may spend by one type of transaction. At least one of the two bounds is set. */
export interface SpendingLimit extends Who {
  type: LimitedType
  currency: string
  /** The largest single amount, in minor units. */
  maxAmount: bigint | null
  /** The largest sum, in minor units, over any `windowSeconds`. Both or neither. */
  maxSum: bigint | null
  windowSeconds: number | null
  updatedAt: string
}

/** The types of transaction that take money out of a wallet, so that a limit makes sense. */
export type LimitedType = 'booking_payment' | 'transfer' | 'withdrawal' | 'hold'

/** Balance alerts and spending limits. */
export interface Policies {
  monitors(who: Who): Promise<Monitor[]>
  /** The same user, currency, threshold and direction again is the same monitor. Undefined: the user has 20 already. */
  putMonitor(monitor: Omit<Monitor, 'id' | 'createdAt'>): Promise<Monitor | undefined>
  /** One of the user's monitors, or all of them; says how many went. */
  deleteMonitors(who: Who, id?: string): Promise<number>
  /** All of the tenant's, or one user's. */
  limits(tenant: string, userId?: string): Promise<SpendingLimit[]>
  /** Replaces the limit of the same user, type and currency. */
  putLimit(limit: Omit<SpendingLimit, 'updatedAt'>): Promise<SpendingLimit>
  /** Says whether there was one. */
  deleteLimit(who: Who, type: LimitedType, currency: string): Promise<boolean>
}
