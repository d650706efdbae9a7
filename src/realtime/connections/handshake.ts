import type { Authenticator, Gate, Principal, RevocationList } from '../../auth/principal.ts'
import { STREAM_SCOPES, scopeMissing } from '../../auth/scopes.ts'
import { Tickets } from '../../auth/tickets.ts'
import { actingHasNoWallet, tokenRefused, tokenRevoked } from '../../auth/tokens.ts'
import { ApiError, type ErrorCode } from '../../lib/api-error.ts'
import { CURRENCIES } from '../../lib/currencies.ts'
import type { RefusedOrigins } from '../../lib/origins.ts'
import { withTimeout } from '../../lib/timeout.ts'
import type { Origin } from '../../rate-limit/client-address.ts'
import type { RateLimiter } from '../../rate-limit/limiter.ts'
import type { EffectiveSettings } from '../../tenants/effective-settings.ts'
import type { StreamMeter } from '../metrics.ts'
import type { AskedPace } from '../stream/pace.ts'
import type { ConnectionLimit } from './connection-limit.ts'
import { HANDSHAKE_TIMEOUT_MS, TurnLimit } from './limits.ts'

export interface AdmissionOptions {
  credentials: Credentials
  connectionLimit: ConnectionLimit
  /** Of all users of a tenant together. Default: none. */
  tenantLimit?: ConnectionLimit
  /** Whose pages may connect, and for whom. Default: those of every origin. */
  settings?: Pick<EffectiveSettings, 'allowsOrigin'> | undefined
  refusedOrigins?: Pick<RefusedOrigins, 'refuse'>
  /** Default: no limit on how often clients may connect. */
  limiter?: RateLimiter | undefined
  meter: StreamMeter
  /** Checking the credentials may take this long. Default 10 s. */
  handshakeTimeoutMs?: number | undefined
}

/** Whose events a stream has: the caller's own, those of the holds of a service, or those of the whole tenant. */
export type StreamKind = keyof typeof STREAM_SCOPES

/** Decides who may open a connection, on every transport. */
export class Admission {
  readonly #credentials: Credentials
  readonly #connectionLimit: ConnectionLimit
  readonly #tenantLimit: ConnectionLimit | undefined
  readonly #settings: Pick<EffectiveSettings, 'allowsOrigin'> | undefined
  readonly #refusedOrigins: Pick<RefusedOrigins, 'refuse'> | undefined
  readonly #limiter: RateLimiter | undefined
  readonly #meter: StreamMeter
  readonly #handshakeTimeoutMs: number
  readonly #turns = new TurnLimit()
  #draining = false

  constructor(options: AdmissionOptions) {
    this.#credentials = options.credentials
    this.#connectionLimit = options.connectionLimit
    this.#tenantLimit = options.tenantLimit
    this.#settings = options.settings
    this.#refusedOrigins = options.refusedOrigins
    this.#limiter = options.limiter
    this.#meter = options.meter
    this.#handshakeTimeoutMs = options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS
  }

  get draining(): boolean {
    return this.#draining
  }

  /** Rejects new connections from now on. */
  stop(): void {
    this.#draining = true
  }

  /**
   * Admits one connection and counts it. Afterwards open it, or `release` it.
   * @param asked the parameters of the stream, which are checked
   * @param request where it comes from, if there is a socket
   * @param kind which stream
   * @throws ApiError `unauthorized`, `token_expired`, `token_revoked`, `tenant_suspended`, `forbidden`,
   *   `invalid_request`, `rate_limited`, `too_many_connections`, `handshake_timeout`, `shutting_down` or `unavailable`
   */
  async admit(
    presented: Presented,
    asked: StreamParameters = {},
    request?: Origin,
    kind: StreamKind = 'user',
  ): Promise<Principal> {
    try {
      return await this.#admitted(presented, asked, kind, request)
    } catch (error) {
      this.countRefusal(error instanceof ApiError ? error.code : 'internal')
      throw error
    }
  }

  /** Counts a connection that was rejected before its credentials were checked. */
  countRefusal(code: ErrorCode): void {
    this.#meter.refusals.add(code)
  }

  async #admitted(
    presented: Presented,
    asked: StreamParameters,
    kind: StreamKind,
    request?: Origin,
  ): Promise<Principal> {
    if (this.#draining) {
      throw new ApiError(503, 'shutting_down', 'The server is restarting.', { retryAfter: 1 })
    }
    if (asked.currency && !CURRENCIES.has(asked.currency)) {
      throw new ApiError(400, 'invalid_request', 'currency must be an ISO 4217 code such as USD.')
    }
    paceOf(asked)
    const admitted = this.#counted(presented, kind, request)
    return await withTimeout(admitted, this.#handshakeTimeoutMs, () => {
      // An admission that succeeds too late gives its place back.
      admitted.then((principal) => this.release(principal)).catch(() => {})
      throw new ApiError(503, 'handshake_timeout', 'Checking the token took too long.', {
        retryAfter: 1,
      })
    })
  }

  /**
   * Counts a new session of Socket.IO, in which the client has not authenticated yet. A request that names
   * its session belongs to one that was counted.
   * @returns the refusal, if it is one too many
   */
  refusedSession(request: Origin & { url?: string | undefined }): ApiError | undefined {
    if (!this.#limiter || namesSession(request.url)) return undefined
    try {
      this.#limiter.takeFrom('handshakes', this.#limiter.addressOf(request))
      return undefined
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      this.countRefusal(error.code)
      return error
    }
  }

  /** Undoes `admit`: the connection was closed, or never opened. */
  release(principal: Principal): void {
    this.#connectionLimit.release(principal)
    this.#tenantLimit?.release(principal)
  }

  async #counted(
    presented: Presented,
    kind: StreamKind,
    request: Origin | undefined,
  ): Promise<Principal> {
    const turn = this.#turns.take()
    if (turn) await turn
    const principal = await this.#identify(presented, kind, this.#limiter?.addressOf(request))
    this.#requireOrigin(principal, request)
    if (!(await this.#connectionLimit.acquire(principal))) throw tooManyConnections('user')
    if (!this.#tenantLimit || (await this.#tenantLimit.acquire(principal))) return principal
    this.#connectionLimit.release(principal)
    throw tooManyConnections('tenant')
  }

  /** @throws ApiError `forbidden` for a page of another tenant's origin */
  #requireOrigin({ tenant }: Principal, request: Origin | undefined): void {
    const [origin, host] = [request?.headers.origin?.toString(), request?.headers.host?.toString()]
    if (origin === undefined || this.#settings?.allowsOrigin(tenant, origin, host) !== false) return
    throw (
      this.#refusedOrigins?.refuse(origin) ??
      new ApiError(403, 'forbidden', 'Pages of this origin may not connect.')
    )
  }

  async #identify(
    presented: Presented,
    kind: StreamKind,
    address: string | undefined,
  ): Promise<Principal> {
    const limiter = this.#limiter
    limiter?.look('handshakes', address)
    try {
      const principal = await this.#credentials.identify(presented, kind)
      limiter?.take('handshakes', principal, address)
      return principal
    } catch (error) {
      limiter?.failed('handshakes', address, error)
      throw error
    }
  }
}

const tooManyConnections = (whose: 'user' | 'tenant') =>
  new ApiError(429, 'too_many_connections', `This ${whose} has too many connections open.`, {
    retryAfter: 5,
  })

/** As Engine.IO reads it: an empty id, or one inside another parameter's text, opens a new session. */
function namesSession(url = ''): boolean {
  const [, query = ''] = url.split('?', 2)
  return Boolean(new URLSearchParams(query).getAll('sid').at(-1))
}

/** What a client asks of its stream, as it wrote it. */
export interface StreamParameters {
  currency?: string | null | undefined
  maxRate?: string | null | undefined
  transactions?: string | null | undefined
}

/** @param read the text of a parameter, where the client gave one */
export const parametersOf = (
  read: (name: string) => string | null | undefined,
): StreamParameters => ({
  currency: read('currency'),
  maxRate: read('maxRate'),
  transactions: read('transactions'),
})

/** The slowest and the fastest rate that a client can ask for, in balance frames a second. */
const RATES = { least: 0.1, most: 1000 }

/**
 * How often the client wants its balance, and in which form. Without `maxRate` the tenant or the server may still set
 * a rate.
 * @throws ApiError `invalid_request`
 */
export function paceOf({ maxRate, transactions: asked }: StreamParameters): AskedPace {
  if (asked && asked !== 'merged' && asked !== 'each') {
    throw new ApiError(400, 'invalid_request', 'transactions must be merged or each.')
  }
  const transactions = asked === 'each' ? 'each' : 'merged'
  if (!maxRate) return { transactions }
  const rate = /^\d{1,4}(\.\d{1,3})?$/.test(maxRate) ? Number(maxRate) : Number.NaN
  if (!(rate >= RATES.least && rate <= RATES.most)) {
    const message = `maxRate must be a number of frames a second, from ${RATES.least} to ${RATES.most}.`
    throw new ApiError(400, 'invalid_request', message)
  }
  return { maxRate: rate, transactions }
}

/** The places where a client of a stream can put its token, or a ticket instead. */
export interface Presented {
  /** Socket.IO's `auth.token`. */
  token?: unknown
  /** `?token=`. */
  query?: string | null | undefined
  authorization?: string | undefined
}

/** Verifies the token or the ticket of a client that opens a stream. */
export class Credentials {
  readonly #authenticator: Authenticator
  readonly #tickets: Tickets
  readonly #revocations: Pick<RevocationList, 'covers'> | undefined
  readonly #gate: Pick<Gate, 'problem'> | undefined

  constructor(
    authenticator: Authenticator,
    tickets: Tickets,
    revocations?: Pick<RevocationList, 'covers'>,
    gate?: Pick<Gate, 'problem'>,
  ) {
    this.#authenticator = authenticator
    this.#tickets = tickets
    this.#revocations = revocations
    this.#gate = gate
  }

  /**
   * Allows no clock tolerance: a stream ends when its token expires, so one within the tolerance would end
   * immediately.
   * @throws ApiError `unauthorized`, `token_expired`, `token_revoked`, `tenant_suspended`, `forbidden` for a key that may
   *   not read and for an acting operator who asks for a user's stream, or `unavailable`
   */
  async identify(presented: Presented, kind: StreamKind = 'user'): Promise<Principal> {
    const principal = await this.#identify(presented)
    const { expiresAt, scopes, isActing } = principal
    if (expiresAt * 1000 <= Date.now()) throw tokenRefused('expired')
    const scope = STREAM_SCOPES[kind]
    if (scopes && !scopes.includes(scope)) throw scopeMissing(scope)
    if (isActing && kind === 'user') throw actingHasNoWallet()
    // The tenant of a ticket may have been suspended since the ticket was issued.
    const problem = this.#gate?.problem(principal)
    if (problem) throw problem
    return principal
  }

  async #identify(presented: Presented): Promise<Principal> {
    const token = tokenOf(presented)
    if (!token) {
      // A token that is not text is malformed, not missing.
      if (presented.token) throw tokenRefused('malformed')
      throw tokenRefused('missing', undefined, 'Send a token.')
    }
    if (!Tickets.looksLikeOne(token)) return await this.#authenticator.authenticate(token)
    const principal = await this.#tickets.redeem(token)
    if (!principal) {
      throw tokenRefused('ticket', undefined, 'The ticket was used before, or has expired.')
    }
    // The token behind the ticket may have been revoked since the ticket was issued.
    if (this.#revocations?.covers(principal)) throw tokenRevoked()
    return principal
  }
}

function tokenOf({ token, query, authorization }: Presented): string | undefined {
  const named = typeof token === 'string' && token !== '' ? token : query
  if (named) return withoutScheme(named)
  return authorization && /^bearer /i.test(authorization) ? withoutScheme(authorization) : undefined
}

/** Some clients send the value of the whole header where the token belongs. */
function withoutScheme(text: string): string {
  return text.replace(/^bearer +/i, '')
}
