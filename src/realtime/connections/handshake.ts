import type { Authenticator, Principal, RevocationList } from '../../auth/principal.ts'
import { Tickets } from '../../auth/tickets.ts'
import { tokenRefused, tokenRevoked } from '../../auth/tokens.ts'
import { ApiError, type ErrorCode } from '../../lib/api-error.ts'
import { CURRENCIES } from '../../lib/currencies.ts'
import { isListed } from '../../lib/origins.ts'
import { withTimeout } from '../../lib/timeout.ts'
import type { Origin } from '../../rate-limit/client-address.ts'
import type { RateLimiter } from '../../rate-limit/limiter.ts'
import type { StreamMeter } from '../metrics.ts'
import type { ConnectionLimit } from './connection-limit.ts'
import { HANDSHAKE_TIMEOUT_MS } from './limits.ts'

export interface AdmissionOptions {
  credentials: Credentials
  connectionLimit: ConnectionLimit
  /** Default: no limit on how often clients may connect. */
  limiter?: RateLimiter | undefined
  meter: StreamMeter
  /** Checking the credentials may take this long. Default 10 s. */
  handshakeTimeoutMs?: number | undefined
}

/** Decides who may open a connection, on every transport. */
export class Admission {
  readonly #credentials: Credentials
  readonly #connectionLimit: ConnectionLimit
  readonly #limiter: RateLimiter | undefined
  readonly #meter: StreamMeter
  readonly #handshakeTimeoutMs: number
  #draining = false

  constructor(options: AdmissionOptions) {
    this.#credentials = options.credentials
    this.#connectionLimit = options.connectionLimit
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
   * @param request where it comes from, if there is a socket
   * @throws ApiError `unauthorized`, `token_expired`, `token_revoked`, `invalid_request`, `rate_limited`,
   *   `too_many_connections`, `handshake_timeout`, `shutting_down` or `unavailable`
   */
  async admit(
    presented: Presented,
    currency?: string | null,
    request?: Origin,
  ): Promise<Principal> {
    try {
      return await this.#admitted(presented, currency, request)
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
    currency?: string | null,
    request?: Origin,
  ): Promise<Principal> {
    if (this.#draining) {
      throw new ApiError(503, 'shutting_down', 'The server is restarting.', { retryAfter: 1 })
    }
    if (currency && !CURRENCIES.has(currency)) {
      throw new ApiError(400, 'invalid_request', 'currency must be an ISO 4217 code such as USD.')
    }
    const admitted = this.#counted(presented, this.#limiter?.addressOf(request))
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
  }

  async #counted(presented: Presented, address: string | undefined): Promise<Principal> {
    const principal = await this.#identify(presented, address)
    if (await this.#connectionLimit.acquire(principal)) return principal
    const message = 'This user has too many connections open.'
    throw new ApiError(429, 'too_many_connections', message, { retryAfter: 5 })
  }

  async #identify(presented: Presented, address: string | undefined): Promise<Principal> {
    const limiter = this.#limiter
    limiter?.look('handshakes', address)
    try {
      const principal = await this.#credentials.identify(presented)
      limiter?.take('handshakes', principal, address)
      return principal
    } catch (error) {
      limiter?.failed('handshakes', address, error)
      throw error
    }
  }
}

/** As Engine.IO reads it: an empty id, or one inside another parameter's text, opens a new session. */
function namesSession(url = ''): boolean {
  const [, query = ''] = url.split('?', 2)
  return Boolean(new URLSearchParams(query).getAll('sid').at(-1))
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

  constructor(
    authenticator: Authenticator,
    tickets: Tickets,
    revocations?: Pick<RevocationList, 'covers'>,
  ) {
    this.#authenticator = authenticator
    this.#tickets = tickets
    this.#revocations = revocations
  }

  /**
   * Allows no clock tolerance: a stream ends when its token expires, so one within the tolerance would end
   * immediately.
   * @throws ApiError `unauthorized`, `token_expired`, `token_revoked` or `unavailable`
   */
  async identify(presented: Presented): Promise<Principal> {
    const principal = await this.#identify(presented)
    if (principal.expiresAt * 1000 <= Date.now()) throw tokenRefused('expired')
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

/**
 * Whether a page of this origin may open a connection. Programs other than browsers send no origin. A page of
 * our own host may always connect.
 * @param allowed as of `isListed`
 */
export function originAllowed(
  allowed: readonly string[],
  origin: string | undefined,
  host: string | undefined,
): boolean {
  if (origin === undefined || isListed(allowed, origin)) return true
  return URL.canParse(origin) && new URL(origin).host === host
}
