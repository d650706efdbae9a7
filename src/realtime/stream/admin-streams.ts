import { ADMIN_NOTICES } from '../../ledger/admin-notice.ts'
import { TRANSACTION_TYPES } from '../../ledger/command.ts'
import { type EpochOf, LEDGER_EVENTS, type UserRef } from '../../ledger/event.ts'
import { ApiError } from '../../lib/api-error.ts'
import { isUserId } from '../../lib/identity.ts'
import type { Bus } from '../bus/bus.ts'
import type { StreamMeter } from '../metrics.ts'
import { parseNotice } from './admin-notice.ts'
import { type EventFrame, Frame } from './frame.ts'
import { Members } from './members.ts'
import {
  Backpressure,
  DEFAULT_BOUNDS,
  type QueueBounds,
  type Sink,
  Subscriber,
} from './subscriber.ts'

export interface AdminStreamsOptions {
  bus: Bus
  epochOf: EpochOf
  meter: StreamMeter
  bounds?: Partial<QueueBounds> | undefined
}

/** What an admin wants to hear. A part that is undefined leaves nothing out. */
export interface AdminFilter {
  events: ReadonlySet<string> | undefined
  userId: string | undefined
  /** Concerns only events that name a transaction's type. */
  types: ReadonlySet<string> | undefined
}

/** Who listens. The caller of a stream may have more roles. */
type Admin = UserRef & { isOperator?: true }

interface Member {
  admin: Admin
  subscriber: Subscriber
  filter: AdminFilter
}

/** What of an event the filters look at, and the event as it is sent. */
interface Told {
  event: string
  userId: string | undefined
  type: string | undefined
  frame(): Frame
}

/**
 * The streams of admins: the events of all users of their tenant, and notices of what waits for a decision. A stream
 * has no position of its own, because no lock orders the events of different users. It begins with `admin_state`, and
 * gets it again whenever something may have been missed: then the client reads again what it shows. While nobody
 * listens, an event costs one look-up.
 */
export class AdminStreams {
  readonly #options: AdminStreamsOptions
  /** By tenant. */
  readonly #members: Members<Member>
  readonly #backpressure: Backpressure
  readonly #stopListening: () => void

  constructor(options: AdminStreamsOptions) {
    this.#options = options
    const { bus, meter } = options
    this.#members = new Members(bus)
    this.#backpressure = new Backpressure({ ...DEFAULT_BOUNDS, ...options.bounds }, meter)
    this.#stopListening = bus.listen({
      message: () => {},
      announced: (text) => this.#announced(text),
      link: () => {
        const frame = this.#state()
        for (const [, member] of this.#members.all()) this.#send(member, frame)
      },
    })
  }

  /** The feed of connections with this filter. */
  feed(filter: AdminFilter) {
    return {
      subscribe: (admin: Admin, sink: Sink, { currency }: { currency: string }): Subscriber => {
        const subscriber = new Subscriber(sink, currency)
        this.#members.add(admin.tenant, { admin, subscriber, filter })
        const begin = () => {
          if (subscriber.isClosed) return
          sink.write(this.#state())
          subscriber.begin()
          subscriber.state = 'live'
        }
        const { ready } = this.#members
        if (ready) void ready.then(begin)
        else begin()
        return subscriber
      },
      unsubscribe: ({ tenant }: UserRef, subscriber: Subscriber): void =>
        this.#members.remove(tenant, subscriber),
      isFull: (subscriber: Subscriber): boolean => this.#backpressure.isFull(subscriber),
    }
  }

  /** Those who asked for this event by its name, which is told to nobody else. */
  asking(event: AskedEvent): { admin: Admin; tell(payload: object): void }[] {
    return [...this.#members.all()]
      .filter(([, { filter }]) => filter.events?.has(event))
      .map(([, member]) => ({
        admin: member.admin,
        tell: (payload) => this.#send(member, new Frame(event, payload)),
      }))
  }

  get isEmpty(): boolean {
    return this.#members.isEmpty
  }

  /** An event of any user. */
  receive(event: EventFrame): void {
    const members = this.#members.of(event.tenant)
    if (!members) return
    let frame: Frame | undefined
    this.#tell(members, {
      event: event.event,
      userId: event.userId,
      type: TYPE.exec(event.text)?.[1],
      frame: () => (frame ??= withUser(event)),
    })
  }

  close(): void {
    this.#stopListening()
  }

  #announced(text: string): void {
    if (this.isEmpty) return
    const notice = parseNotice(text, this.#options.epochOf)
    const members = notice && this.#members.of(notice.tenant)
    if (!members) return
    const frame = new Frame(notice.event, notice.payload)
    const { event, userId, transactionType: type } = notice
    this.#tell(members, { event, userId, type, frame: () => frame })
  }

  #tell(members: ReadonlySet<Member>, told: Told): void {
    for (const member of members) {
      const { events, userId, types } = member.filter
      if (events && !events.has(told.event)) continue
      if (userId !== undefined && userId !== told.userId) continue
      if (types && told.type !== undefined && !types.has(told.type)) continue
      this.#send(member, told.frame())
    }
  }

  /** Whether events arrive. Until they do, the client has to ask. */
  #state(): Frame {
    const { state, reason } = this.#options.bus.link
    const live = state === 'live'
    return new Frame('admin_state', { live, ...(!live && reason && { reason }) })
  }

  #send({ subscriber }: Member, frame: Frame): void {
    // What a full connection misses is read again after the `admin_state` that follows.
    if (subscriber.isClosed || subscriber.state !== 'live') return
    subscriber.sink.write(frame)
    if (!this.#backpressure.isFull(subscriber)) return
    subscriber.state = 'lagging'
    void this.#backpressure.drained(subscriber).then((drained) => {
      if (!drained) return
      subscriber.state = 'live'
      subscriber.sink.write(this.#state())
    })
  }
}

/** The type of the transaction in the JSON of an event. Inside a text the quotes would be escaped. */
const TYPE = /"transactionType":"([a-z_]+)"/

/** The payload of the user's own stream with the user in front, without parsing it. */
function withUser(event: EventFrame): Frame {
  const payload = event.text.slice(`{"event":"${event.event}"`.length)
  return new Frame(event.event, `{"userId":${JSON.stringify(event.userId)}${payload}`)
}

/** Told every two seconds, so only to those who ask for it. */
export const ASKED_EVENTS = ['system_state'] as const

type AskedEvent = (typeof ASKED_EVENTS)[number]

const EVENTS: readonly string[] = [...LEDGER_EVENTS, ...ADMIN_NOTICES, ...ASKED_EVENTS]

/** Whether it lets through nothing of a tenant, so that an operator may have it who is no admin. */
export const isOfSystemOnly = ({ events }: AdminFilter): boolean =>
  events?.size === 1 && events.has('system_state')

/**
 * The filter that a client asks for.
 * @throws ApiError `invalid_request`
 */
export function adminFilterOf(asked: {
  events?: string | undefined
  userId?: string | undefined
  type?: string | undefined
}): AdminFilter {
  const { userId } = asked
  if (userId && !isUserId(userId)) {
    throw new ApiError(400, 'invalid_request', 'userId is no user id.')
  }
  return {
    events: listed('events', asked.events, EVENTS),
    userId: userId || undefined,
    types: listed('type', asked.type, TRANSACTION_TYPES),
  }
}

function listed(name: string, text: string | undefined, known: readonly string[]) {
  if (!text) return undefined
  const names = text.split(',')
  if (names.every((each) => known.includes(each))) return new Set(names)
  throw new ApiError(400, 'invalid_request', `${name} may list: ${known.join(', ')}.`)
}
