import { performance } from 'node:perf_hooks'
import type { Logger } from '../lib/log.ts'
import { sleep, withTimeout } from '../lib/timeout.ts'
import type { Answer, Attempt, Delivery, DeliveryStore, Sink, Waiting } from './delivery.ts'
import { RequestLoad } from './load.ts'

export interface DelivererOptions<Target> extends Tunings {
  store: DeliveryStore<Target>
  sink: Sink<Target>
  log: Pick<Logger, 'warn' | 'info'>
  /** Names the deliveries in the log, for example "webhooks". */
  name: string
  meter: DeliveryMeter
  /** Users under way at the same time at one receiver. At all together there are up to `RECEIVERS` times as many. */
  perReceiver: number
  /** The requests that this process has answered. Deliveries give way to them. Default: none. */
  answered?: (() => number) | undefined
}

interface Tunings {
  /** Time between looks for work of other processes. Default 500. */
  pollEveryMs?: number
  /** The least time between two claims while the process has nothing else to do. Default 20. */
  pauseMs?: number
  /** After failing for this long, a user's events are set aside. Default 3 days. */
  giveUpAfterMs?: number
  /** The pause after the first failure. It doubles with each further one. Default 200. */
  firstRetryMs?: number
}

/** Is notified of every delivery. */
export interface DeliveryMeter {
  attempted(answer: Answer): void
  setAside(): void
}

/** The store divides these places, so that slow receivers leave some to others. */
const RECEIVERS = 8

/** Between two claims, however busy the process is. */
const MAX_PAUSE_MS = 1000

/** Users of one claim, however busy the process is. */
const MIN_CLAIM = 10

const MAX_RETRY_MS = 3 * 3_600_000

/** Progress is recorded, and the claim renewed, after this time. */
const RECORD_EVERY_MS = 500

/**
 * Sends waiting events to their targets: in order and one at a time for each user at a target, many users at the same
 * time. A failed delivery is repeated with growing pauses, and holds back only the later events of the same user at the
 * same target. Every delivery happens at least once.
 */
export class Deliverer<Target> {
  readonly #options: DelivererOptions<Target> & Required<Tunings>
  /** By target and user. */
  readonly #runs = new Map<string, Promise<void>>()
  /** By receiver. */
  readonly #inFlight = new Map<string, number>()
  readonly #stopping = new AbortController()
  #loop: Promise<void> | undefined
  /** Ends the current pause of the loop. */
  #wake = () => {}
  #woken = false
  #failing = false
  readonly #load: RequestLoad

  constructor(options: DelivererOptions<Target>) {
    this.#load = new RequestLoad(options.answered ?? (() => 0))
    this.#options = {
      pollEveryMs: 500,
      pauseMs: 20,
      giveUpAfterMs: 3 * 86_400_000,
      firstRetryMs: 200,
      ...options,
    }
  }

  start(): void {
    this.#loop ??= this.#work()
  }

  /** Looks for work now. */
  wake(): void {
    this.#woken = true
    this.#wake()
  }

  /** Starts no more deliveries, and waits for those under way. */
  async stop(maxWaitMs = 5000): Promise<void> {
    this.#stopping.abort()
    this.#wake()
    await this.#loop
    await withTimeout(Promise.all(this.#runs.values()), maxWaitMs, () => {})
  }

  async #work(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      this.#woken = false
      // Deliveries share the process with requests, and can wait: the busier it is with those, the more events go
      // together, and the fewer users at a time.
      const room = (1 - this.#load.share()) ** 3
      await this.#claim(room)
      await sleep(Math.min(MAX_PAUSE_MS, this.#options.pauseMs / room), { signal, unref: true })
      if (this.#woken || signal.aborted) continue
      const pause = new AbortController()
      this.#wake = () => pause.abort()
      await sleep(this.#options.pollEveryMs * (0.75 + Math.random() / 2), {
        signal: pause.signal,
        unref: true,
      })
    }
  }

  /** @param room from 0 to 1 */
  async #claim(room: number): Promise<void> {
    const { store, perReceiver, log, name } = this.#options
    const places = RECEIVERS * perReceiver
    const most = Math.min(Math.max(MIN_CLAIM, places * room), places - this.#runs.size)
    if (most < 1) return
    try {
      const claimed = await store.claim(Math.floor(most), this.#inFlight)
      for (const waiting of claimed) this.#start(waiting)
      if (this.#failing) log.info(`${name} are sent again`)
      this.#failing = false
    } catch (err) {
      if (!this.#failing) log.warn({ err }, `${name} are not sent, because the database failed`)
      this.#failing = true
    }
  }

  #start(waiting: Waiting<Target>): void {
    const { targetId, receiver, walletId } = waiting
    const key = `${targetId} ${walletId}`
    // The claim has expired while this process was still about to record it. It ends once more.
    if (this.#runs.has(key)) return
    const count = (change: number) => {
      const now = (this.#inFlight.get(receiver) ?? 0) + change
      if (now > 0) this.#inFlight.set(receiver, now)
      else this.#inFlight.delete(receiver)
    }
    count(1)
    const run = this.#run(waiting)
      .catch((err) => {
        const { log, name } = this.#options
        // The claim ends by itself, and then the same events are sent again.
        log.warn({ err }, `${name}: what was sent could not be recorded and is sent again`)
      })
      .finally(() => {
        this.#runs.delete(key)
        count(-1)
        this.wake()
      })
    this.#runs.set(key, run)
  }

  /** Sends the claimed events of one user. */
  async #run(waiting: Waiting<Target>): Promise<void> {
    const { store, sink, meter } = this.#options
    const { target, tenant, targetId, walletId, lastSeq } = waiting
    let { ackedSeq, attempts, failingMs } = waiting
    let log: Attempt[] = []
    let recorded = performance.now()
    const record = (
      rest: Pick<Parameters<typeof store.record>[0], 'outcome' | 'retryMs' | 'error'>,
    ) => {
      const result = { tenant, targetId, walletId, ackedSeq, attempts: log, ...rest }
      log = []
      recorded = performance.now()
      return store.record(result)
    }
    for (const delivery of sink.plan?.(waiting) ?? deliveriesOf(waiting)) {
      if (delivery.kind === 'wait') {
        await record({ outcome: 'waits', retryMs: delivery.forMs })
        return
      }
      const { fromSeq, toSeq } = rangeOf(delivery)
      if (toSeq <= ackedSeq) continue
      if (!sink.wants(target, delivery)) {
        ackedSeq = toSeq
        continue
      }
      if (this.#stopping.signal.aborted) break
      if (performance.now() - recorded > RECORD_EVERY_MS) {
        if (!(await record({ outcome: 'underway' }))) return
      }
      const answer = await sink.send(target, delivery)
      this.#load.sent()
      meter.attempted(answer)
      addTo(log, answer, fromSeq, toSeq)
      let { error } = answer
      if (answer.delivered) {
        const has = Math.min(answer.haveSeq ?? toSeq, lastSeq)
        ackedSeq = has
        if (has >= toSeq) {
          attempts = 0
          failingMs = 0
          continue
        }
        // It gets the rest again. That counts as a failure, so that a receiver that never has enough is asked ever
        // less often.
        error = `has only seq ${has}`
      }
      if (failingMs > this.#options.giveUpAfterMs) {
        meter.setAside()
        await record({ outcome: 'set_aside', error })
        return
      }
      if (answer.gone) await store.retire(targetId)
      const retryMs = this.#pause(attempts, answer)
      await record({ outcome: 'failed', retryMs, error })
      if (retryMs < this.#options.pollEveryMs) setTimeout(() => this.wake(), retryMs).unref()
      return
    }
    // Everything up to the last one is sent, or gone and stated.
    await record({ outcome: 'done' })
  }

  #pause(attempts: number, { retryAfterMs = 0 }: Answer): number {
    const grown = this.#options.firstRetryMs * 2 ** Math.min(attempts, 30)
    const wanted = Math.min(Math.max(grown, retryAfterMs), MAX_RETRY_MS)
    return retryAfterMs > grown
      ? wanted * (1 + Math.random() / 10)
      : wanted * (0.5 + Math.random() / 2)
  }
}

/** Each event is a delivery. Those that were deleted are stated. */
function* deliveriesOf<Target>(waiting: Waiting<Target>): Generator<Delivery> {
  const { tenant, userId, ackedSeq, lastSeq, events } = waiting
  const firstSeq = events[0]?.seq ?? lastSeq + 1
  if (firstSeq > ackedSeq + 1) {
    const user = { tenant, userId }
    yield { kind: 'skipped', user, fromSeq: ackedSeq + 1, toSeq: firstSeq - 1 }
  }
  for (const event of events) yield { kind: 'event', event }
}

function rangeOf(delivery: Delivery): { fromSeq: number; toSeq: number } {
  if (delivery.kind === 'skipped') return delivery
  const { event, earlier } = delivery
  return { fromSeq: earlier?.[0]?.seq ?? event.seq, toSeq: event.seq }
}

/** Extends the last entry of successes. */
function addTo(log: Attempt[], answer: Answer, fromSeq: number, toSeq: number): void {
  const { delivered, status, error, durationMs } = answer
  const last = log.at(-1)
  if (last?.delivered && delivered) {
    last.toSeq = toSeq
    last.status = status
    last.durationMs += durationMs
  } else {
    log.push({ fromSeq, toSeq, delivered, status, error, durationMs })
  }
}
