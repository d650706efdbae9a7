import { Histogram, LATENCY_BOUNDS, LabeledCounter } from '../lib/instruments.ts'

/** Lag is looked at that often at most, in milliseconds: under load, a hundred of many thousand say it as well. */
const LOOK_AT_LAG = 10

const TIMESTAMP = /"timestamp":"([^"]{1,40})"/

/** Counts the streams of this process since its start: plain numbers, for the events' way is hot. */
export class StreamMeter {
  /** Messages of the channel that were events of ours, and others. */
  received = 0
  ignored = 0
  /** Events handed to connections. */
  delivered = 0
  /** Connections that got the newest balance in place of what they had not read. */
  conflated = 0
  /** Streams brought up to date from Postgres: a message was missing, or Redis was away. */
  repaired = 0
  /** Connections that came with an id to resume from: got all that they had missed, or not. */
  resumed = 0
  notResumed = 0
  /** Events that connections got while they were resuming. */
  replayed = 0
  /** Seconds from a change, by Postgres's clock, to its message, by ours. */
  readonly lag = new Histogram(LATENCY_BOUNDS)
  readonly opened = new LabeledCounter('transport')
  /** Connections that the server ended, by the close reason's code. */
  readonly cuts = new LabeledCounter('reason')
  /** Connections that were not let in, by the error's code. */
  readonly refusals = new LabeledCounter('code')
  #lookedAt = Number.NEGATIVE_INFINITY

  /** @param text a message of `balance:updates` that is an event of ours */
  receivedMessage(text: string): void {
    this.received += 1
    const at = performance.now()
    if (at - this.#lookedAt < LOOK_AT_LAG) return
    this.#lookedAt = at
    const now = Date.now()
    const committed = Date.parse(TIMESTAMP.exec(text)?.[1] ?? '')
    // Two machines' clocks differ: what seems to come from the future has just happened.
    if (!Number.isNaN(committed)) this.lag.add(Math.max(0, now - committed) / 1000)
  }
}
