import type { LedgerEvent } from '../ledger/event.ts'
import type { Answer, Delivery, Sink, Step, Waiting } from './delivery.ts'
import type { PushMeter } from './metrics.ts'
import type { PushTarget } from './push.ts'
import { endOfMinute, FEW, groupsOf, isSummary } from './push-groups.ts'
import { messageOf, topicOf, urgencyOf } from './push-message.ts'
import { kindOf } from './push-rules.ts'
import type { PushService } from './push-service.ts'
import { endOfQuiet, isQuiet } from './quiet-hours.ts'

export interface PushSinkOptions {
  /** By the kind of device. */
  services: Readonly<Record<string, PushService>>
  /** Ids of events begin with it. */
  epoch: string
  /** An older event is not sent. */
  maxAgeMs: number
  meter: PushMeter
  now?: () => number
}

/** Turns a user's events into notifications of a device, and sends them. */
export class PushSink implements Sink<PushTarget> {
  readonly #options: PushSinkOptions
  readonly #now: () => number

  constructor(options: PushSinkOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /**
   * During the quiet hours everything waits. What happened in them is one delivery when they have ended. And so it is
   * with what comes in great number, until the end of its minute.
   */
  *plan({ target, ackedSeq, lastSeq, events, ...rest }: Waiting<PushTarget>): Generator<Step> {
    const { quietHours } = target
    const now = this.#now()
    const newest = events.at(-1)
    if (!newest) {
      const user = { tenant: rest.tenant, userId: rest.userId }
      return yield { kind: 'skipped', user, fromSeq: ackedSeq + 1, toSeq: lastSeq }
    }
    const groups = groupsOf(target, events)
    if (groups.length > 0 && quietHours && isQuiet(quietHours, now)) {
      return yield { kind: 'wait', forMs: endOfQuiet(quietHours, now) - now }
    }
    for (const group of groups) {
      const first = group.events[group.crowdedFrom]
      const forMs = first ? endOfMinute(Date.parse(first.timestamp)) - now : 0
      // What comes next is told after it, so only the last group can wait. Who sees the page is told nothing anyway.
      const waits = group.kind === 'day' && group === groups.at(-1) && forMs > 0 && !target.visible
      if (waits) {
        const events = group.events.slice(0, group.crowdedFrom)
        yield* events.length > FEW ? together(events) : singly(events)
        return yield { kind: 'wait', forMs }
      }
      yield* isSummary(group) ? together(group.events) : singly(group.events)
    }
    // It is not wanted, or was sent by now: then this only says how far the device is.
    yield { kind: 'event', event: newest }
  }

  wants(target: PushTarget, delivery: Delivery): boolean {
    if (delivery.kind === 'skipped') return false
    if (kindOf(delivery.event, target.rules) === undefined) return false
    if (this.#msLeft(target, delivery.event) <= 0) {
      this.#options.meter.expired += 1
      return false
    }
    if (target.visible) this.#options.meter.seen += 1
    return !target.visible
  }

  async send(target: PushTarget, delivery: Delivery): Promise<Answer> {
    const service = this.#options.services[target.kind]
    if (delivery.kind === 'skipped' || !service) {
      return { delivered: false, status: null, error: 'no such push service', durationMs: 0 }
    }
    const { event, earlier = [] } = delivery
    const message = messageOf(target, event, earlier, this.#options.epoch)
    return service.send(target, {
      payload: JSON.stringify(message),
      ttl: Math.ceil(this.#msLeft(target, event) / 1000),
      urgency: urgencyOf(message),
      topic: topicOf(message),
    })
  }

  /** Until the event is too old. The quiet hours do not count. */
  #msLeft({ quietHours }: PushTarget, { timestamp }: LedgerEvent): number {
    const at = Date.parse(timestamp)
    const due = quietHours && isQuiet(quietHours, at) ? endOfQuiet(quietHours, at) : at
    return due + this.#options.maxAgeMs - this.#now()
  }
}

function* singly(events: readonly LedgerEvent[]): Generator<Delivery> {
  for (const event of events) yield { kind: 'event', event }
}

function* together(events: readonly LedgerEvent[]): Generator<Delivery> {
  const event = events.at(-1)
  if (event) yield { kind: 'event', event, earlier: events.slice(0, -1) }
}
