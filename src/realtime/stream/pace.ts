import { eventId } from '../../ledger/event.ts'
import { toMinor, toWire } from '../../ledger/money.ts'
import type { ExactNumber } from '../../lib/json.ts'
import { type EventFrame, Frame } from './frame.ts'

/** How often a connection gets its balance. */
export interface PaceOptions {
  /** The most balance frames in any second. */
  maxRate: number
  /** `each`: transaction events are never merged into a balance frame. Default `merged`. */
  transactions?: 'merged' | 'each' | undefined
}

/** What a client asks for. */
export type AskedPace = Partial<PaceOptions>

/** Held events that cannot be merged. Past this they are sent ahead of time. */
const MAX_HELD = 256

const BALANCE = 'balance_updated'
const TRANSACTIONS = ['transaction_completed', 'transaction_failed']

/** The fields of an event that are merged. Only `balance_updated` has both balances. */
interface Payload {
  id: string
  seq: number
  currency: string
  timestamp: string
  newBalance?: number | ExactNumber
  previousBalance?: number | ExactNumber
}

/** The waiting events of one currency that one frame can stand for. */
interface Merge {
  /** Changes of the balance. More than one: a frame takes their place. */
  count: number
  /** Of the changes, in minor units. */
  sum: bigint
  completed: number
  failed: number
  previousBalance: Payload['previousBalance']
  newBalance: Payload['newBalance']
  timestamp: string
  /** Of the last event. */
  id: string
  seq: number
}

/**
 * Holds a connection to so many balance frames a second. The first change is sent at once. What comes sooner than
 * allowed after it waits, and several changes of one currency become one frame with the newest balance, the range of
 * `seq`, and the number and the sum of the changes. So a client can still prove that nothing is missing.
 */
export class Pace {
  readonly #intervalMs: number
  readonly #merged: ReadonlySet<string>
  readonly #write: (frame: Frame) => void
  /** Waiting events that no frame takes the place of. */
  #held: EventFrame[] = []
  #merges = new Map<string, Merge>()
  #fromSeq = 0
  #toSeq = 0
  /** By `performance.now()`: when the next balance frame may be sent. */
  #nextAt = 0
  /** Runs while anything waits. */
  #timer: NodeJS.Timeout | undefined

  constructor({ maxRate, transactions }: PaceOptions, write: (frame: Frame) => void) {
    this.#intervalMs = 1000 / maxRate
    this.#merged = new Set(transactions === 'each' ? [BALANCE] : [BALANCE, ...TRANSACTIONS])
    this.#write = write
  }

  /** Takes the events of the stream in order. */
  deliver(event: EventFrame): void {
    if (this.#timer === undefined) {
      const now = performance.now()
      const isBalance = event.event === BALANCE
      if (!isBalance || now >= this.#nextAt) {
        if (isBalance) this.#nextAt = now + this.#intervalMs
        this.#write(event)
        return
      }
      this.#fromSeq = event.seq
      this.#wait(now)
    }
    this.#toSeq = event.seq
    if (!this.#merge(event)) this.#held.push(event)
    if (this.#held.length >= MAX_HELD) this.flush()
  }

  /** Sends what waits, for instance before the connection is closed. */
  flush(): void {
    if (this.#timer === undefined) return
    const frames = this.#frames()
    const balances = frames.filter(({ event }) => event === BALANCE).length
    this.#nextAt = performance.now() + this.#intervalMs * balances
    this.drop()
    for (const frame of frames) this.#write(frame)
  }

  /** Forgets what waits, because the connection gets the newest balance instead, or is closed. */
  drop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#held = []
    this.#merges = new Map()
  }

  #wait(now: number): void {
    this.#timer = setTimeout(() => {
      const current = performance.now()
      // A timer may fire a little early.
      if (current < this.#nextAt) this.#wait(current)
      else this.flush()
    }, this.#nextAt - now)
  }

  /** Whether a frame takes the place of the event. From the second change on, it does so of those before too. */
  #merge(event: EventFrame): boolean {
    if (!this.#merged.has(event.event)) return false
    const payload = event.payload as Payload
    const merge = this.#mergeOf(payload)
    const isSecond = event.event === BALANCE && merge.count === 1
    add(merge, event.event, payload)
    if (isSecond) {
      this.#held = this.#held.filter(
        (held) =>
          !this.#merged.has(held.event) || (held.payload as Payload).currency !== payload.currency,
      )
    }
    return merge.count > 1
  }

  #mergeOf({ currency, previousBalance, newBalance, timestamp, id, seq }: Payload): Merge {
    let merge = this.#merges.get(currency)
    if (!merge) {
      const nothing = { count: 0, sum: 0n, completed: 0, failed: 0 }
      merge = { ...nothing, previousBalance, newBalance, timestamp, id, seq }
      this.#merges.set(currency, merge)
    }
    return merge
  }

  /**
   * What waits, in order of `seq`. If events were merged, the frames before the last one have the `id` of the event
   * before all of them: a client that resumed after their own would miss events that are part of the last one.
   */
  #frames(): Frame[] {
    const merges = [...this.#merges].filter(([, { count }]) => count > 1)
    if (merges.length === 0) return this.#held
    const parts = [
      ...this.#held.map((event) => ({
        seq: event.seq,
        frame: (isLast: boolean) => (isLast ? event : this.#resuming(event)),
      })),
      ...merges.map(([currency, merge]) => ({
        seq: merge.seq,
        frame: (isLast: boolean) => this.#mergedFrame(currency, merge, isLast),
      })),
    ]
    parts.sort((a, b) => a.seq - b.seq)
    return parts.map(({ frame }, index) => frame(index === parts.length - 1))
  }

  #mergedFrame(currency: string, merge: Merge, isLast: boolean): Frame {
    const { newBalance, previousBalance, timestamp, count, completed, failed, seq } = merge
    const id = isLast ? merge.id : this.#idBefore(merge.id)
    const payload = {
      ...{ newBalance, previousBalance, timestamp },
      ...{ fromSeq: this.#fromSeq, toSeq: this.#toSeq, count, sum: toWire(merge.sum, currency) },
      ...(this.#merged.size > 1 && { completed, failed }),
      ...{ id, seq, currency },
    }
    return new Frame(BALANCE, payload, id)
  }

  #resuming(event: EventFrame): Frame {
    const payload = event.payload as Payload
    const id = this.#idBefore(payload.id)
    return new Frame(event.event, { ...payload, id }, id)
  }

  #idBefore(id: string): string {
    return eventId(id.slice(0, id.lastIndexOf(':')), this.#fromSeq - 1)
  }
}

function add(merge: Merge, event: string, payload: Payload): void {
  const { id, seq, timestamp, currency, previousBalance, newBalance } = payload
  Object.assign(merge, { id, seq, timestamp })
  if (event === 'transaction_completed') merge.completed += 1
  else if (event === 'transaction_failed') merge.failed += 1
  else if (previousBalance !== undefined && newBalance !== undefined) {
    if (merge.count === 0) merge.previousBalance = previousBalance
    merge.count += 1
    merge.sum += toMinor(newBalance, currency) - toMinor(previousBalance, currency)
    merge.newBalance = newBalance
  }
}
