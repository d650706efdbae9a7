import type { Principal } from '../auth/principal.ts'
import type { UserRef } from '../ledger/event.ts'
import { ApiError } from '../lib/api-error.ts'
import { LabeledCounter } from '../lib/instruments.ts'
import { clientAddress, type Origin } from './client-address.ts'
import type { RateStore } from './window-counter.ts'
import { Budget, type Grant } from './window-counter.ts'

/** What is limited apart: looking, changing, and opening streams (tickets for them included). */
export const KINDS = ['reads', 'writes', 'handshakes'] as const

export type Kind = (typeof KINDS)[number]

/** Requests in a minute; 0: any number. */
export type Rates = Readonly<Record<Kind, number>>

export interface RateLimiterOptions {
  store: RateStore
  perUser: Rates
  perAddress: Rates
  /** Proxies in front whose X-Forwarded-For is believed. */
  trustProxy: number
}

/** A failed authentication counts as so many requests of its address. */
export const FAILURE = 10

const SECONDS = 60

interface Limit {
  budget: Budget
  /** As it is named in headers. */
  name: string
  /** `RateLimit-Policy`. */
  policy: string
}

type Limits = Partial<Record<Kind, Limit>>

/**
 * How often one may ask: as a user, and from an address. A service, which asks for all of its users, is
 * not limited. An address that is not known is not either.
 */
export class RateLimiter {
  /** What was refused since the start, by budget. */
  readonly refusals = new LabeledCounter('budget')
  readonly #users: Limits
  readonly #addresses: Limits
  readonly #trustProxy: number
  /** Of connections without a proxy, which keep their address. */
  readonly #known = new WeakMap<Origin['socket'], string>()

  constructor({ store, perUser, perAddress, trustProxy }: RateLimiterOptions) {
    this.#users = limits(store, perUser, '')
    this.#addresses = limits(store, perAddress, '-by-address')
    this.#trustProxy = trustProxy
  }

  /** Of the request, as far as there is a socket. */
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
   * Before a token is looked at: whether the address may ask at all. Counts nothing.
   * @throws ApiError `rate_limited`
   */
  look(kind: Kind, address: string | undefined): void {
    const limit = this.#addresses[kind]
    if (!limit || address === undefined) return
    const refusal = limit.budget.refusal(address)
    if (refusal) throw this.#tooMany(limit, refusal)
  }

  /**
   * Counts a request of somebody who is known.
   * @param headers of the answer, to which what is left is added
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
    // First: who is refused does not use up what others at the same address have left.
    const refusal = limit?.budget.refusal(key)
    if (limit && refusal) throw this.#tooMany(limit, refusal)
    this.takeFrom(kind, address)
    if (limit) tell(headers, limit, limit.budget.take(key, 1))
  }

  /**
   * Counts a request of nobody in particular.
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
    if (error instanceof ApiError && error.status === 401) limit.budget.take(address, FAILURE)
  }

  #tooMany(limit: Limit, grant: Grant): ApiError {
    this.refusals.add(limit.name)
    return new ApiError(429, 'rate_limited', 'Too many requests; wait a moment.', {
      retryAfter: Math.max(1, grant.secondsLeft),
      headers: tell({}, limit, grant),
    })
  }
}

function limits(store: RateStore, rates: Rates, suffix: string): Limits {
  const all: Limits = {}
  for (const kind of KINDS) {
    const points = rates[kind]
    if (points === 0) continue
    const name = kind + suffix
    const budget = new Budget(store.counter(name, SECONDS), points, SECONDS)
    all[kind] = { budget, name, policy: `"${name}";q=${points};w=${SECONDS}` }
  }
  return all
}

/** By draft-ietf-httpapi-ratelimit-headers. */
function tell(
  headers: Record<string, string>,
  { name, policy }: Limit,
  { remaining, secondsLeft }: Grant,
): Record<string, string> {
  headers['RateLimit-Policy'] = policy
  headers.RateLimit = `"${name}";r=${remaining};t=${secondsLeft}`
  return headers
}

/** Neither part can hold a slash. */
const userKey = ({ tenant, userId }: UserRef) => `${tenant}/${userId}`
