import type { Principal } from '../auth/principal.ts'
import type { UserRef } from '../ledger/event.ts'
import { ApiError } from '../lib/api-error.ts'
import { LabeledCounter } from '../lib/instruments.ts'
import { clientAddress, type Origin } from './client-address.ts'
import type { RateStore } from './window-counter.ts'
import { Budget, type Grant } from './window-counter.ts'

/** Each has its own limits: reading, changing, and opening streams, which includes tickets for them. */
export const KINDS = ['reads', 'writes', 'handshakes'] as const

export type Kind = (typeof KINDS)[number]

/** Requests a minute; 0: no limit. */
export type Rates = Readonly<Record<Kind, number>>

export interface RateLimiterOptions {
  store: RateStore
  perUser: Rates
  perAddress: Rates
  /** The number of proxies in front whose X-Forwarded-For is trusted. */
  trustProxy: number
}

/** A failed authentication counts as so many requests of its address. */
export const FAILURE_POINTS = 10

const WINDOW_SECONDS = 60

interface Limit {
  budget: Budget
  /** Its name in headers. */
  name: string
  /** `RateLimit-Policy`. */
  policy: string
}

type Limits = Partial<Record<Kind, Limit>>

/**
 * Limits the requests of each user and of each address. A service acts for all of its users, so it is not
 * limited. An unknown address is not limited either.
 */
export class RateLimiter {
  /** Rejected requests since the start, by budget. */
  readonly refusals = new LabeledCounter('budget')
  readonly #users: Limits
  readonly #addresses: Limits
  readonly #trustProxy: number
  /** The addresses of sockets without a proxy, which never change. */
  readonly #known = new WeakMap<Origin['socket'], string>()

  constructor({ store, perUser, perAddress, trustProxy }: RateLimiterOptions) {
    this.#users = limits(store, perUser, '')
    this.#addresses = limits(store, perAddress, '-by-address')
    this.#trustProxy = trustProxy
  }

  /** The address of the request; undefined without a socket. */
  addressOf(request: Origin | undefined): string | undefined {
    if (!request) return undefined
    const direct = this.#trustProxy === 0
    const known = direct ? this.#known.get(request.socket) : undefined
    if (known !== undefined) return known
    const address = clientAddress(request, this.#trustProxy)
    if (direct && address !== undefined) this.#known.set(request.socket, address)
    return address
  }

  /**
   * Checks the limit of the address before the token is verified. Counts nothing.
   * @throws ApiError `rate_limited`
   */
  look(kind: Kind, address: string | undefined): void {
    const limit = this.#addresses[kind]
    if (!limit || address === undefined) return
    const refusal = limit.budget.refusal(address)
    if (refusal) throw this.#tooMany(limit, refusal)
  }

  /**
   * Counts a request of an authenticated user.
   * @param headers of the answer; the remaining budget is added to them
   * @throws ApiError `rate_limited`
   */
  take(
    kind: Kind,
    principal: Principal,
    address: string | undefined,
    headers: Record<string, string> = {},
  ): void {
    if (principal.isService) return
    const limit = this.#users[kind]
    const key = userKey(principal)
    // Checked before the address is counted: a rejected user must not use up the budget of others there.
    const refusal = limit?.budget.refusal(key)
    if (limit && refusal) throw this.#tooMany(limit, refusal)
    this.takeFrom(kind, address)
    if (limit) addHeaders(headers, limit, limit.budget.take(key, 1))
  }

  /**
   * Counts a request of an address.
   * @throws ApiError `rate_limited`
   */
  takeFrom(kind: Kind, address: string | undefined, points = 1): void {
    const limit = this.#addresses[kind]
    if (!limit || address === undefined) return
    const grant = limit.budget.take(address, points)
    if (!grant.allowed) throw this.#tooMany(limit, grant)
  }

  /** Counts a failed authentication, if that is what `error` is. */
  failed(kind: Kind, address: string | undefined, error: unknown): void {
    const limit = this.#addresses[kind]
    if (!limit || address === undefined) return
    if (error instanceof ApiError && error.status === 401)
      limit.budget.take(address, FAILURE_POINTS)
  }

  #tooMany(limit: Limit, grant: Grant): ApiError {
    this.refusals.add(limit.name)
    return new ApiError(429, 'rate_limited', 'Too many requests; wait a moment.', {
      retryAfter: Math.max(1, grant.secondsLeft),
      headers: addHeaders({}, limit, grant),
    })
  }
}

function limits(store: RateStore, rates: Rates, suffix: string): Limits {
  const all: Limits = {}
  for (const kind of KINDS) {
    const points = rates[kind]
    if (points === 0) continue
    const name = kind + suffix
    const budget = new Budget(store.counter(name, WINDOW_SECONDS), points, WINDOW_SECONDS)
    all[kind] = { budget, name, policy: `"${name}";q=${points};w=${WINDOW_SECONDS}` }
  }
  return all
}

/** As in draft-ietf-httpapi-ratelimit-headers. */
function addHeaders(
  headers: Record<string, string>,
  { name, policy }: Limit,
  { remaining, secondsLeft }: Grant,
): Record<string, string> {
  headers['RateLimit-Policy'] = policy
  headers.RateLimit = `"${name}";r=${remaining};t=${secondsLeft}`
  return headers
}

/** Neither part can contain a slash. */
const userKey = ({ tenant, userId }: UserRef) => `${tenant}/${userId}`
