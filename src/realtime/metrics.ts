import type { LedgerEvent } from '../ledger/event.ts'
import { Histogram, LATENCY_BOUNDS, LabeledCounter } from '../lib/instruments.ts'
import type { PublishObserver } from './outbox.ts'

/** The least time between two samples of the lag: a hundred a second show as much as many thousands. */
const LAG_SAMPLE_MS = 10

const TIMESTAMP = /"timestamp":"([^"]{1,40})"/

/** What the connections of one tenant and transport did since the start of the process. */
export interface Tally {
  tenant: string
  transport: string
  /** Opened. */
  connections: number
  /** That reached a connection as they happened. */
  events: number
}

/** Tenants and transports that are counted by themselves. */
const MOST_TALLIES = 3_000

/** Counts the streams of this process since its start, in plain numbers, because the path of events is hot. */
export class StreamMeter {
  /** Messages of the channels that were events of this installation, and others. */
  received = 0
  ignored = 0
  /** Messages about users who are not connected here. Nothing else was read of them. */
  strangers = 0
  /** Events written to connections. */
  delivered = 0
  /** Connections that got the newest balance instead of unread events. */
  conflated = 0
  /** Streams brought up to date from Postgres, because a message was missing or Redis unavailable. */
  repaired = 0
  /** Connections with an id to resume from that got every missed event, or not. */
  resumed = 0
  notResumed = 0
  /** Connections that began with what Redis had, without a question to Postgres. */
  startsFromBus = 0
  /** Events that connections got while they were resuming. */
  replayed = 0
  /** Seconds from a change, by Postgres's clock, to its message, by ours. */
  readonly lag = new Histogram(LATENCY_BOUNDS)
  readonly opened = new LabeledCounter('transport')
  readonly #tallies = new Map<string, Tally>()
  /** Connections that the server closed, by the code of the reason. */
  readonly cuts = new LabeledCounter('reason')
  /** Connections that were not admitted, by the code of the error. */
  readonly refusals = new LabeledCounter('code')
  #sampledAt = Number.NEGATIVE_INFINITY

  /** The counts of a tenant's connections of one transport. */
  tally(tenant: string, transport: string): Tally {
    const key = `${tenant}\n${transport}`
    const known = this.#tallies.get(key)
    if (known) return known
    const tally: Tally = { tenant, transport, connections: 0, events: 0 }
    // Past the bound nobody reads it, so that memory does not grow with the number of tenants.
    if (this.#tallies.size < MOST_TALLIES) this.#tallies.set(key, tally)
    return tally
  }

  traffic(): Iterable<Readonly<Tally>> {
    return this.#tallies.values()
  }

  /** @param text a message of `balance:updates` that is an event of this installation */
  receivedMessage(text: string): void {
    this.received += 1
    const at = performance.now()
    if (at - this.#sampledAt < LAG_SAMPLE_MS) return
    this.#sampledAt = at
    const now = Date.now()
    const committed = Date.parse(TIMESTAMP.exec(text)?.[1] ?? '')
    // The clocks of two machines differ: a timestamp in the future means no lag.
    if (!Number.isNaN(committed)) this.lag.add(Math.max(0, now - committed) / 1000)
  }
}

/** Counts the publishing of this process since its start. */
export class PublishMeter implements PublishObserver {
  /** Seconds until the bus had the events of one commit. */
  readonly seconds = new Histogram(LATENCY_BOUNDS)
  events = 0
  /** Failed attempts. The sweep tries them again. */
  failures = 0
  /** Commits that the sweep found unpublished. */
  leftOver = 0

  publishing(events: readonly LedgerEvent[]): (published: boolean) => void {
    const began = performance.now()
    return (published) => {
      if (!published) {
        this.failures += 1
        return
      }
      this.events += events.length
      this.seconds.add((performance.now() - began) / 1000)
    }
  }

  swept(commits: number): void {
    this.leftOver += commits
  }
}

const WINDOW_SECONDS = 60
/** The rate is an average over this time. */
const RATE_SECONDS = 10

/** Counts events by the second, for the last minute. */
export class EventMeter {
  readonly #now: () => number
  /** By second, modulo the window. */
  readonly #counts = new Array<number>(WINDOW_SECONDS).fill(0)
  #second: number
  #total = 0

  /** @param now milliseconds; default: the monotonic clock */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#second = this.#currentSecond()
  }

  mark(): void {
    this.#advance()
    const slot = this.#second % WINDOW_SECONDS
    this.#counts[slot] = (this.#counts[slot] ?? 0) + 1
    this.#total += 1
  }

  read(): { perSecond: number; recent: number[]; total: number } {
    this.#advance()
    // Without the current second, which would always look like a drop.
    const recent: number[] = []
    for (let ago = WINDOW_SECONDS - 1; ago >= 1; ago--) {
      recent.push(this.#counts[(this.#second - ago) % WINDOW_SECONDS] ?? 0)
    }
    const sum = recent.slice(-RATE_SECONDS).reduce((total, count) => total + count, 0)
    return { perSecond: sum / RATE_SECONDS, recent, total: this.#total }
  }

  #advance(): void {
    const second = this.#currentSecond()
    const passed = Math.min(Math.max(0, second - this.#second), WINDOW_SECONDS)
    for (let i = 1; i <= passed; i++) this.#counts[(this.#second + i) % WINDOW_SECONDS] = 0
    // If the clock goes back, counting continues in the same second.
    this.#second = Math.max(second, this.#second)
  }

  #currentSecond(): number {
    return Math.floor(this.#now() / 1000)
  }
}
