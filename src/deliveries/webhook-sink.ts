import { eventId, type UserRef } from '../ledger/event.ts'
import { fromLedger } from '../realtime/stream/frame.ts'
import type { Answer, Delivery, Sink } from './delivery.ts'
import { type GuardedRequests, type Received, reasonOf, retryAfterMs } from './guarded-request.ts'
import { messageId, signedHeaders } from './signature.ts'

/** Where a webhook goes, with what signs it. */
export interface WebhookTarget {
  id: string
  url: string
  secret: string
  /** Signs too, until a rotation is over. */
  previousSecret: string | null
  /** Names of events; null: all. */
  events: string[] | null
}

/**
 * A receiver says with this header, or with `{"id": "k3f9…:41"}` or `{"seq": 41}` as its JSON, which of the user's events
 * it has.
 */
const HAVE_SEQ = 'livebalance-have-seq'

/** The answer to a test delivery. */
export interface TestAnswer extends Answer {
  /** The beginning of the body. */
  body: string
}

const MAX_SHOWN_BODY = 1000

/** Sends events to webhook endpoints, in the form of the Standard Webhooks specification. */
export class WebhookSink implements Sink<WebhookTarget> {
  readonly #requests: Pick<GuardedRequests, 'post'>
  readonly #epoch: string

  constructor(requests: Pick<GuardedRequests, 'post'>, epoch: string) {
    this.#requests = requests
    this.#epoch = epoch
  }

  wants({ events }: WebhookTarget, delivery: Delivery): boolean {
    return events === null || delivery.kind !== 'event' || events.includes(delivery.event.event)
  }

  async send(target: WebhookTarget, delivery: Delivery): Promise<Answer> {
    const { id, body, traceparent } = this.#message(target, delivery)
    const { body: _, ...answer } = await this.#post(target, id, body, traceparent)
    return answer
  }

  /** Sends a delivery of the type `webhook_test`, which belongs to no user. */
  test(target: WebhookTarget): Promise<TestAnswer> {
    const timestamp = new Date().toISOString()
    const body = JSON.stringify({
      type: 'webhook_test',
      timestamp,
      data: { endpointId: target.id },
    })
    return this.#post(target, messageId(target.id, 'test', timestamp), body)
  }

  #message(target: WebhookTarget, delivery: Delivery) {
    if (delivery.kind === 'skipped') {
      const { user, fromSeq, toSeq } = delivery
      const { userId } = user
      const skipped = { event: 'events_skipped', userId, fromSeq, toSeq }
      const id = eventId(this.#epoch, toSeq)
      return {
        id: messageId(target.id, user.tenant, user.userId, this.#epoch, `${fromSeq}-${toSeq}`),
        body: enveloped(
          'events_skipped',
          JSON.stringify({ ...skipped, id, timestamp: new Date().toISOString() }),
        ),
        traceparent: undefined,
      }
    }
    const { event } = delivery
    const { tenant, userId, seq } = event
    return {
      id: messageId(target.id, tenant, userId, eventId(this.#epoch, seq)),
      body: enveloped(event.event, withUser(event, fromLedger(event, this.#epoch).text)),
      traceparent: event.traceparent,
    }
  }

  async #post(
    target: WebhookTarget,
    id: string,
    body: string,
    traceparent?: string,
  ): Promise<TestAnswer> {
    const began = performance.now()
    const { secret, previousSecret } = target
    const secrets = previousSecret === null ? [secret] : [secret, previousSecret]
    const headers = {
      'Content-Type': 'application/json',
      'Content-Length': String(Buffer.byteLength(body)),
      'User-Agent': 'livebalance-webhooks',
      ...(traceparent !== undefined && { traceparent }),
      ...signedHeaders(id, body, secrets),
    }
    try {
      const received = await this.#requests.post(new URL(target.url), headers, body)
      return answerOf(received, began, this.#epoch)
    } catch (error) {
      return { ...failed(reasonOf(error), null, began), body: '' }
    }
  }
}

/** The event with the name of its user, which a stream does not need. */
function withUser({ userId }: UserRef, text: string): string {
  return `{"userId":${JSON.stringify(userId)},${text.slice(1)}`
}

/** `data` as the specification has it. The same fields are also at the top, as in a frame of the WebSocket. */
function enveloped(type: string, data: string): string {
  return `{"type":"${type}",${data.slice(1, -1)},"data":${data}}`
}

function answerOf(received: Received, began: number, epoch: string): TestAnswer {
  const { status } = received
  const body = received.body.slice(0, MAX_SHOWN_BODY)
  const haveSeq =
    (status >= 200 && status < 300) || status === 409 ? seqIn(received, epoch) : undefined
  // A conflict that names a seq is an answer like any other: the receiver missed events, or has later ones.
  if ((status >= 200 && status < 300) || haveSeq !== undefined) {
    return { delivered: true, status, error: null, durationMs: since(began), haveSeq, body }
  }
  const error = status >= 300 && status < 400 ? `redirect ${status}` : `status ${status}`
  return {
    ...failed(error, status, began),
    retryAfterMs: retryAfterMs(received),
    gone: status === 410,
    body,
  }
}

function failed(error: string, status: number | null, began: number): Answer {
  return { delivered: false, status, error, durationMs: since(began) }
}

const since = (began: number) => Math.round(performance.now() - began)

function seqIn({ headers, body }: Received, epoch: string): number | undefined {
  const named = headers[HAVE_SEQ]
  if (typeof named === 'string') return seqOf(named.includes(':') ? named : numberOf(named), epoch)
  if (!headers['content-type']?.startsWith('application/json')) return undefined
  try {
    const { id, seq } = (JSON.parse(body) ?? {}) as { id?: unknown; seq?: unknown }
    // An `id` may be the receiver's own.
    return seqOf(typeof id === 'string' && ID.test(id) ? id : seq, epoch)
  } catch {
    return undefined
  }
}

const ID = /^(.+):(\d{1,16})$/

const numberOf = (text: string) => Number(text === '' ? Number.NaN : text)

/** @param value a seq, or the id of an event. What a receiver has of another epoch says nothing about this one. */
function seqOf(value: unknown, epoch: string): number | undefined {
  if (typeof value === 'string') {
    const [, its, seq] = ID.exec(value) ?? []
    return its === epoch ? seqOf(Number(seq), epoch) : undefined
  }
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined
}
