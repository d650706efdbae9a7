import { Retry } from '../client/retry.ts'
import { EventStreamParser, type ServerSentEvent } from '../client/transports/sse.ts'
import type { LedgerEvents, RetryBounds } from '../client/types.ts'
import type { LivebalanceError } from './errors.ts'
import { Failure, failureOf, lostAnswer, tokenFailure } from './failure.ts'
import type { Link } from './send.ts'

type HoldEvent<Name extends 'hold_exhausted' | 'hold_expiring'> = {
  event: Name
  /** The user for whom the service opened the hold. */
  userId: string
} & LedgerEvents[Name]

/** What happens to a hold that the service opened, for `switch (event.event)`. */
export type ServiceEvent = HoldEvent<'hold_exhausted'> | HoldEvent<'hold_expiring'>

export interface StreamOptions {
  /** Ends the stream. The loop over it then ends, too. */
  signal?: AbortSignal | undefined
  /** The delays between connections. Default: from 500 to 30,000 ms. */
  retry?: RetryBounds | undefined
  /** Called when the connection was lost, before the next one. The stream goes on by itself. */
  onReconnect?: ((reason: LivebalanceError) => void) | undefined
}

/** The server sends something at least every 15 s. */
const SILENCE_MS = 30_000

/** Events that are remembered, so that none comes twice. */
const MAX_SEEN = 10_000

/** Errors that another connection does not cure. */
const FINAL: ReadonlySet<string> = new Set(['forbidden', 'invalid_request', 'not_found'])

/**
 * The events of the service's holds. It connects when the loop begins, and again after a loss. Every new connection
 * begins with the holds that are exhausted or expire soon, so none is missed; one that was given before is left out.
 */
export async function* streamOf(
  link: Link,
  { signal, retry: bounds = {}, onReconnect }: StreamOptions,
): AsyncGenerator<ServiceEvent, void, undefined> {
  const retry = new Retry(bounds)
  const seen = new Set<string>()
  const isNew = ({ userId, id }: ServiceEvent) => {
    const key = `${userId}\n${id}`
    if (seen.has(key)) return false
    const [oldest] = seen.add(key)
    if (seen.size > MAX_SEEN && oldest !== undefined) seen.delete(oldest)
    return true
  }
  let rejections = 0
  while (!signal?.aborted) {
    const connection = new Connection(link, signal)
    let end: Failure | undefined
    try {
      for await (const event of connection.events()) {
        rejections = 0
        retry.reset()
        if (isNew(event)) yield event
      }
    } catch (error) {
      end = error instanceof Failure ? error : lostAnswer(error)
    } finally {
      connection.close()
    }
    if (signal?.aborted) return
    // The token is to be renewed.
    if (!end) continue
    const { rejectedToken } = end.fields
    if (rejectedToken !== undefined) {
      rejections += 1
      const replaced = await link.tokens.replace(rejectedToken).catch(tokenFailure)
      if (replaced !== true || rejections > 1) throw end.toError({})
      continue
    }
    if (FINAL.has(end.code)) throw end.toError({})
    onReconnect?.(end.toError({}))
    await pause(retry.next(end.fields.retryAfter), signal)
  }
}

/** One connection. */
class Connection {
  readonly #link: Link
  readonly #abort = new AbortController()
  readonly #outer: AbortSignal | undefined

  constructor(link: Link, outer: AbortSignal | undefined) {
    this.#link = link
    this.#outer = outer
    outer?.addEventListener('abort', this.close)
  }

  readonly close = (): void => {
    this.#outer?.removeEventListener('abort', this.close)
    this.#abort.abort()
  }

  /**
   * Ends when the token is to be renewed.
   * @throws Failure why the connection ended; or any error of `fetch`
   */
  async *events(): AsyncGenerator<ServiceEvent> {
    const { url, fetch, tokens } = this.#link
    const token = await tokens.get().catch(tokenFailure)
    if (token instanceof Failure) throw token
    const headers = { Accept: 'text/event-stream', Authorization: `Bearer ${token}` }
    const { signal } = this.#abort
    const response = await this.#inTime(fetch(`${url}/service/stream`, { headers, signal }))
    if (!response.ok || !response.body) throw failureOf(response, await response.text(), token)
    const received: ServerSentEvent[] = []
    const parser = new EventStreamParser((event) => received.push(event))
    const decoder = new TextDecoder()
    const reader = response.body.getReader()
    for (;;) {
      const { done, value } = await this.#inTime(reader.read())
      if (done) throw lostAnswer('the connection was closed')
      parser.push(decoder.decode(value, { stream: true }))
      for (const { event, data } of received.splice(0)) {
        const fields = JSON.parse(data)
        if (event === 'service_initial') yield* fields.holds
        else if (event === 'error') throw endOf(fields, token)
        else if (event !== 'token_expiring') yield { event, ...fields }
        else if (await tokens.renew(token).catch(() => false)) return
      }
    }
  }

  /** The promise, or a rejection if it takes longer than the server is ever silent. */
  async #inTime<T>(promise: Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const silence = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(lostAnswer(`it sent nothing for ${SILENCE_MS} ms`)),
        SILENCE_MS,
      )
    })
    try {
      return await Promise.race([promise, silence])
    } finally {
      clearTimeout(timer)
    }
  }
}

/** The server ended the stream for this reason. */
function endOf(
  { code, message }: { code: LivebalanceError['code']; message: string },
  token: string,
): Failure {
  const isToken = code === 'unauthorized' || code === 'token_expired' || code === 'token_revoked'
  return new Failure(code, message, {
    effect: 'none',
    isRetriable: true,
    ...(isToken && { rejectedToken: token }),
  })
}

/** Ends early, without an error, when the stream is ended. */
function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, delayMs)
    signal?.addEventListener('abort', end)
  })
}
