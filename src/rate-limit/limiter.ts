import type { Principal } from '../auth/principal.ts'
import { ApiError } from '../lib/api-error.ts'
import { userKey } from '../lib/identity.ts'
import { LabeledCounter } from '../lib/instruments.ts'
import { NO_TENANTS, type TenantDirectory } from '../tenants/tenant.ts'
import { clientAddress, type Origin } from './client-address.ts'
import type { RateCounter, RateStore } from './store.ts'

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
  /** A tenant can have a limit for all of its requests together. Default: none has. */
  tenants?: Pick<TenantDirectory, 'settingsOf' | 'isMade'> | undefined
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

/** Of a tenant, with the number that is set for it. */
type TenantLimit = Limit & { points: number }

type Limits = Partial<Record<Kind, Limit>>

/**
 * Limits the requests of each user, of each address, and of each tenant that has a limit. A service acts for all of its
 * users, so only the limit of its tenant counts. An unknown address is not limited either.
 */
export class RateLimiter {
  /** Rejected requests since the start, by budget. */
  readonly refusals = new LabeledCounter('budget')
  readonly #users: Limits
  readonly #addresses: Limits
  readonly #store: RateStore
  readonly #tenants: Pick<TenantDirectory, 'settingsOf' | 'isMade'>
  /** By kind and tenant. Only made tenants are here, so it cannot grow without bound. */
  readonly #tenantLimits = new Map<string, TenantLimit>()
  /** Requests of made tenants since the last call of `countedRequests`. */
  #counted = new Map<string, number>()
  readonly #trustProxy: number
  /** The addresses of sockets without a proxy, which never change. */
  readonly #known = new WeakMap<Origin['socket'], string>()

  constructor({ store, perUser, perAddress, trustProxy, tenants }: RateLimiterOptions) {
    this.#store = store
    this.#tenants = tenants ?? NO_TENANTS
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
    const ofTenant = this.#ofTenant(kind, principal.tenant)
    // Checked first: at its quota a tenant uses up no other budget.
    const spent = ofTenant?.budget.refusal(principal.tenant)
    if (ofTenant && spent) throw this.#tooMany(ofTenant, spent)
    if (!principal.isService) this.#takeOfUser(kind, principal, address, headers)
    ofTenant?.budget.take(principal.tenant, 1)
    this.#count(principal.tenant)
  }

  #takeOfUser(
    kind: Kind,
    principal: Principal,
    address: string | undefined,
    headers: Record<string, string>,
  ): void {
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

  /** Counts more points for a request that was already let through. */
  charge(kind: Kind, principal: Principal, address: string | undefined, points: number): void {
    if (points <= 0) return
    this.#ofTenant(kind, principal.tenant)?.budget.take(principal.tenant, points)
    if (principal.isService) return
    this.#users[kind]?.budget.take(userKey(principal), points)
    if (address !== undefined) this.#addresses[kind]?.budget.take(address, points)
  }

  /** Counts a failed authentication, if that is what `error` is. */
  failed(kind: Kind, address: string | undefined, error: unknown): void {
    const limit = this.#addresses[kind]
    if (!limit || address === undefined) return
    if (error instanceof ApiError && error.status === 401)
      limit.budget.take(address, FAILURE_POINTS)
  }

  /** Requests of each made tenant since the last call. */
  countedRequests(): ReadonlyMap<string, number> {
    const counted = this.#counted
    this.#counted = new Map()
    return counted
  }

  #count(tenant: string): void {
    if (this.#tenants.isMade(tenant)) {
      this.#counted.set(tenant, (this.#counted.get(tenant) ?? 0) + 1)
    }
  }

  #ofTenant(kind: Kind, tenant: string): TenantLimit | undefined {
    const points = this.#tenants.settingsOf(tenant).rateLimits?.[kind]
    if (points === undefined) return undefined
    const key = `${kind} ${tenant}`
    const known = this.#tenantLimits.get(key)
    if (known?.points === points) return known
    const limit = { ...limitOf(this.#store, `${kind}-by-tenant`, points), points }
    this.#tenantLimits.set(key, limit)
    return limit
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
    all[kind] = limitOf(store, kind + suffix, points)
  }
  return all
}

function limitOf(store: RateStore, name: string, points: number): Limit {
  const budget = new Budget(store.counter(name, WINDOW_SECONDS), points, WINDOW_SECONDS)
  return { budget, name, policy: `"${name}";q=${points};w=${WINDOW_SECONDS}` }
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

/** The answer to a request for points of a budget. */
export interface Grant {
  allowed: boolean
  remaining: number
  /** Whole seconds until the whole budget is available again. */
  secondsLeft: number
}

/** Past this many keys, those counted longest ago make room. */
const MAX_KEYS = 100_000

/** The part of a budget that a process grants before it reports to the shared counter. */
const STEP = 1 / 10

interface Window {
  /** By all processes, this one included, as far as it knows. */
  used: number
  /** The part of `used` that is not reported to the shared counter yet. */
  unreported: number
  /** When it starts anew, by `performance.now()`: a wall clock can be set. */
  endsAt: number
  reporting: boolean
}

/**
 * A number of points for each key in each window of time, over all processes. No caller waits for the
 * shared counter, and a light user costs it nothing: a process counts by itself and reports each tenth of
 * the budget that it has granted. So `n` processes together may grant `n` tenths too much.
 */
export class Budget {
  readonly #counter: RateCounter
  readonly #points: number
  readonly #windowMs: number
  readonly #step: number
  readonly #windows = new Map<string, Window>()

  constructor(counter: RateCounter, points: number, seconds: number) {
    this.#counter = counter
    this.#points = points
    this.#windowMs = seconds * 1000
    this.#step = Math.max(1, Math.floor(points * STEP))
  }

  /** Takes `points`, unless nothing is left. A rejected request is not counted. */
  take(key: string, points: number): Grant {
    const now = performance.now()
    const known = this.#windows.get(key)
    const window = known && known.endsAt > now ? known : this.#begin(key, now)
    const allowed = window.used < this.#points
    if (allowed) {
      window.used += points
      window.unreported += points
      if (window.unreported >= this.#step && !window.reporting) void this.#report(key, window)
    }
    return this.#grant(allowed, window, now)
  }

  /** The refusal that `take` would return now. Counts nothing. */
  refusal(key: string): Grant | undefined {
    const window = this.#windows.get(key)
    if (!window || window.used < this.#points) return undefined
    const now = performance.now()
    return window.endsAt > now ? this.#grant(false, window, now) : undefined
  }

  #grant(allowed: boolean, { used, endsAt }: Window, now: number): Grant {
    const remaining = Math.max(0, this.#points - used)
    return { allowed, remaining, secondsLeft: Math.ceil((endsAt - now) / 1000) }
  }

  #begin(key: string, now: number): Window {
    const window = { used: 0, unreported: 0, endsAt: now + this.#windowMs, reporting: false }
    // Deleting first moves the key to the end of the map, so that the windows that ended come first.
    this.#windows.delete(key)
    this.#windows.set(key, window)
    for (const [old, { endsAt }] of this.#windows) {
      if (endsAt > now && this.#windows.size <= MAX_KEYS) break
      this.#windows.delete(old)
    }
    return window
  }

  async #report(key: string, window: Window): Promise<void> {
    window.reporting = true
    try {
      while (window.unreported >= this.#step) {
        const points = window.unreported
        window.unreported = 0
        const { used, msLeft } = await this.#counter.add(key, points)
        // A counter that was lost or replaced knows less. It must not release anyone early.
        window.used = Math.max(window.used, used + window.unreported)
        window.endsAt = Math.min(window.endsAt, performance.now() + msLeft)
      }
    } catch {
      // Without the shared counter, the count of this process still applies.
    } finally {
      window.reporting = false
    }
  }
}
