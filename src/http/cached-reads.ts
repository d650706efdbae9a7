import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Principal, TokenMemory } from '../auth/principal.ts'
import type { Logger } from '../lib/log.ts'
import type { RateLimiter } from '../rate-limit/limiter.ts'
import type { BalanceCache } from '../realtime/bus/bus.ts'
import { BASE_HEADERS, nextRequestId } from './middleware/request-id.ts'
import type { RequestMeter } from './middleware/request-meter.ts'

/** Balances answered from the cache since the start, and those that it did not have, or could not be trusted with. */
export interface CacheReads {
  hits: number
  misses: number
}

const PATH = '/transactions/balance/cached'

/** Headers of a request that mean more than the plain question: the app knows what. */
const MORE = ['origin', 'x-request-id', 'traceparent', 'expect', 'transfer-encoding'] as const

/** What Redis should hold; whatever else it holds is for the app to make something of. */
const DECIMAL = /^-?\d{1,17}(\.\d{1,3})?$/

/** Where a request carries what was found for it. */
const FOUND = Symbol('what the cache holds')

/** What the cache was found to hold for this request before the app got it; undefined: nobody looked. */
export function foundFor(request: object | undefined): string | null | undefined {
  return (request as { [FOUND]?: string | null } | undefined)?.[FOUND]
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

export interface CachedReadsOptions {
  authenticator: TokenMemory
  cache: Pick<BalanceCache, 'cachedBalance'>
  /** Counts what is answered here; what the app answers it counts itself. */
  cacheReads: CacheReads
  currency: string
  corsOrigins: readonly string[]
  /** How often one may ask. */
  limiter?: Pick<RateLimiter, 'addressOf' | 'look' | 'take'> | undefined
  /** Counts an answered request, as the app does for its own. */
  requests: RequestMeter
  log: Pick<Logger, 'isLevelEnabled'>
}

/**
 * Answers the one question that is asked more than all others together, what is my balance, past the
 * framework, at two thirds of the cost. It only ever says yes: to a plain request with a token that was
 * verified before, whose balance is cached, and who may ask. In every other case the request goes to
 * `app` untouched and uncounted, but for what the cache holds, which answers it, or says what is wrong with it.
 */
export function cachedReads(options: CachedReadsOptions, app: Handler): Handler {
  const { authenticator, cache, cacheReads, currency, corsOrigins, limiter, log } = options
  const meter = options.requests.of(PATH, 'GET')
  const vary = corsOrigins.length > 0 && !corsOrigins.includes('*')
  const fixed = [
    ...Object.entries(BASE_HEADERS).flat(),
    ...(vary ? ['Vary', 'Origin'] : []),
    ...['Content-Type', 'application/json'],
  ]

  /** Whose balance is asked for, when this is the plain question and they may ask it. */
  function known(request: IncomingMessage): Principal | undefined {
    const { headers } = request
    const { authorization } = headers
    if (authorization === undefined || !authorization.startsWith('Bearer ')) return undefined
    for (const name of MORE) if (headers[name] !== undefined) return undefined
    // Each request is written into the log then.
    if (log.isLevelEnabled('debug')) return undefined
    return authenticator.recall(authorization.slice('Bearer '.length))
  }

  return (request, response) => {
    const began = performance.now()
    const principal = request.method === 'GET' && request.url === PATH ? known(request) : undefined
    if (!principal) return app(request, response)
    cache.cachedBalance(principal, currency).then(
      (balance) => {
        const granted = balance !== null && DECIMAL.test(balance) && grant(request, principal)
        if (!granted) {
          // So that the app need not ask a second time.
          Object.assign(request, { [FOUND]: balance })
          return app(request, response)
        }
        const body = `{"balance":${balance},"cached":true}`
        response.writeHead(200, [
          ...fixed,
          ...granted,
          ...['X-Request-Id', nextRequestId(), 'Content-Length', String(body.length)],
        ])
        response.end(body, 'latin1')
        cacheReads.hits += 1
        meter.add(200, (performance.now() - began) / 1000)
      },
      () => app(request, response),
    )
  }

  /** Headers of the one who may ask, which is counted; undefined for who may not, which is not. */
  function grant(request: IncomingMessage, principal: Principal): string[] | undefined {
    if (!limiter) return []
    try {
      const address = limiter.addressOf(request)
      limiter.look('reads', address)
      const headers: Record<string, string> = {}
      limiter.take('reads', principal, address, headers)
      return Object.entries(headers).flat()
    } catch {
      return undefined
    }
  }
}
