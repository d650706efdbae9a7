import { createIdempotencyKey } from '../client/idempotency-key.ts'
import { Retry } from '../client/retry.ts'
import { currentRuntime, type Fetch, serverUrl } from '../client/runtime.ts'
import { TokenSource } from '../client/token.ts'
import type { GetToken, RetryBounds } from '../client/types.ts'
import { Failure, failureOf, lostAnswer, notJson, tokenFailure } from './failure.ts'

export interface ServiceClientOptions {
  /** The server's URL, such as `https://balance.example.com`. */
  url: string
  /** A token of a service or an admin, or a function that returns one. It is called again when a token has expired. */
  token?: string | GetToken | undefined
  /** An API key (`lb_live_…`) in place of a token; or a function that returns one, called again when it was revoked. */
  apiKey?: string | GetToken | undefined
  /** Milliseconds within which one attempt must be answered. Default 15,000: the server itself gives up after 10 s. */
  timeout?: number | undefined
  /** Milliseconds after which no further attempt starts. 0: a call is never repeated. Default 60,000. */
  retryFor?: number | undefined
  /** The delays between attempts. Default: from 200 to 5,000 ms. */
  retry?: RetryBounds | undefined
  /** Default: the `fetch` of the runtime. */
  fetch?: Fetch | undefined
}

export interface CallOptions {
  /**
   * 1 to 255 printable characters. Calls with the same key and the same input move money once. Default: a
   * random key for each call, the same for all its attempts. Only POST and PATCH have one.
   */
  idempotencyKey?: string | undefined
  /** Ends the call. The promise rejects with the signal's reason. A write may have taken effect. */
  signal?: AbortSignal | undefined
  /** In place of the client's. */
  timeout?: number | undefined
  /** In place of the client's. */
  retryFor?: number | undefined
}

export interface Call {
  method: string
  /** With its query. */
  path: string
  body?: object | undefined
}

/** Sends a call, again if that is safe. Resolves with the answer's body. */
export type Send = (call: Call, options?: CallOptions) => Promise<unknown>

/** How a service reaches the server. */
export interface Link {
  /** Without a slash at its end. */
  url: string
  fetch: Fetch
  tokens: TokenSource
}

/** @throws TypeError if there is neither a token nor an API key, or both */
export function createLink({ url, token, apiKey, fetch }: ServiceClientOptions): Link {
  if ((token === undefined) === (apiKey === undefined)) {
    throw new TypeError('Pass either token or apiKey.')
  }
  const credential = token ?? apiKey ?? ''
  return {
    url: serverUrl(url, undefined),
    fetch: fetch ?? currentRuntime().fetch,
    tokens: new TokenSource(
      typeof credential === 'string' ? { token: credential } : { getToken: credential },
    ),
  }
}

const KEYED: ReadonlySet<string> = new Set(['POST', 'PATCH'])

/** A second DELETE finds nothing, so it is not repeated after an unknown outcome. */
const REPEATABLE: ReadonlySet<string> = new Set(['GET', 'PUT', ...KEYED])

const WAITS: RetryBounds = { minDelay: 200, maxDelay: 5_000 }

export function createSend(link: Link, defaults: ServiceClientOptions): Send {
  const { timeout: timeoutMs = 15_000, retryFor: retryForMs = 60_000 } = defaults

  return async (call, options = {}) => {
    const { signal } = options
    const key = KEYED.has(call.method)
      ? (options.idempotencyKey ?? createIdempotencyKey())
      : undefined
    const retry = new Retry({ ...WAITS, ...defaults.retry })
    const until = performance.now() + (options.retryFor ?? retryForMs)
    let renewed = false
    let unknownOutcome = false
    for (;;) {
      signal?.throwIfAborted()
      const attempt = new Attempt(options.timeout ?? timeoutMs, signal)
      const result = await attempt.run(() => sendOnce(link, call, key, attempt))
      if (!(result instanceof Failure)) return result.body
      signal?.throwIfAborted()
      const { effect, isRetriable, rejectedToken, retryAfter } = result.fields
      unknownOutcome = call.method !== 'GET' && result.leavesUnknown(unknownOutcome)
      const asError = (failure: Failure) => failure.toError({ unknownOutcome, idempotencyKey: key })
      if (rejectedToken !== undefined && !renewed) {
        renewed = true
        const replaced = await link.tokens.replace(rejectedToken).catch(tokenFailure)
        if (replaced === true) continue
        if (replaced instanceof Failure) throw asError(replaced)
      }
      const delayMs = retry.next(retryAfter)
      const isSafe = effect === 'none' || REPEATABLE.has(call.method)
      if (!isRetriable || !isSafe || performance.now() + delayMs > until) throw asError(result)
      await sleep(delayMs, signal)
    }
  }
}

async function sendOnce(
  { url, fetch, tokens }: Link,
  { method, path, body }: Call,
  key: string | undefined,
  attempt: Attempt,
): Promise<{ body: unknown } | Failure> {
  const token = await attempt.race(tokens.get()).catch(tokenFailure)
  if (token instanceof Failure) return token
  const request = fetch(url + path, {
    method,
    // A redirected POST becomes a GET.
    redirect: 'manual',
    signal: attempt.signal,
    headers: {
      Accept: 'application/json',
      Authorization: `Bearer ${token}`,
      ...(body && { 'Content-Type': 'application/json' }),
      ...(key !== undefined && { 'Idempotency-Key': key }),
    },
    ...(body && { body: JSON.stringify(body) }),
  })
  const response = await attempt.race(request)
  const text = await attempt.race(response.text())
  if (!response.ok) return failureOf(response, text, token)
  try {
    return { body: JSON.parse(text) }
  } catch {
    return notJson(response)
  }
}

/** One attempt at a call. It ends with the caller's signal, and when its time is over. */
class Attempt {
  readonly #abort = new AbortController()
  readonly #timeoutMs: number
  readonly #outer: AbortSignal | undefined

  constructor(timeoutMs: number, outer: AbortSignal | undefined) {
    this.#timeoutMs = timeoutMs
    this.#outer = outer
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  async run<T>(send: () => Promise<T>): Promise<T | Failure> {
    const end = () => this.#abort.abort()
    const timer = setTimeout(end, this.#timeoutMs)
    this.#outer?.addEventListener('abort', end)
    try {
      return await send()
    } catch (error) {
      return lostAnswer(this.signal.aborted ? `no answer within ${this.#timeoutMs} ms` : error)
    } finally {
      clearTimeout(timer)
      this.#outer?.removeEventListener('abort', end)
    }
  }

  /** The promise, or a rejection when the attempt ends, which not everything heeds by itself. */
  race<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this
    return new Promise((resolve, reject) => {
      const end = () => reject(signal.reason)
      signal.addEventListener('abort', end)
      promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', end))
    })
  }
}

/** Rejects with the signal's reason if that comes first. */
function sleep(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', end)
      resolve()
    }, delayMs)
    signal?.addEventListener('abort', end, { once: true })
  })
}
