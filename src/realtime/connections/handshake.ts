import type { Principal } from '../../auth/principal.ts'
import { ApiError, type ErrorCode } from '../../lib/api-error.ts'
import { CURRENCIES } from '../../lib/currencies.ts'
import type { Origin } from '../../rate-limit/client-address.ts'
import type { RateLimiter } from '../../rate-limit/limiter.ts'
import type { StreamMeter } from '../meter.ts'
import type { ConnectionLimit } from './connection-limit.ts'
import type { Credentials, Presented } from './credentials.ts'
import { HANDSHAKE_TIMEOUT } from './limits.ts'

export interface AdmissionOptions {
  credentials: Credentials
  counts: ConnectionLimit
  /** Default: anyone may connect as often as they like. */
  limiter?: RateLimiter | undefined
  meter: StreamMeter
  /** Milliseconds that finding out who it is may take. Default 10 s. */
  handshakeTimeout?: number | undefined
}

/** Who may open a connection, on every transport. */
export class Admission {
  readonly #credentials: Credentials
  readonly #counts: ConnectionLimit
  readonly #limiter: RateLimiter | undefined
  readonly #meter: StreamMeter
  readonly #handshakeTimeout: number
  #draining = false

  constructor(options: AdmissionOptions) {
    this.#credentials = options.credentials
    this.#counts = options.counts
    this.#limiter = options.limiter
    this.#meter = options.meter
    this.#handshakeTimeout = options.handshakeTimeout ?? HANDSHAKE_TIMEOUT
  }

  get draining(): boolean {
    return this.#draining
  }

  /** Lets nobody in any more. */
  refuse(): void {
    this.#draining = true
  }

  /**
   * Lets one connection in, and counts it: open it afterwards, or `release` it.
   * @param request where it comes from, as far as there is a socket
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
      this.refused(error instanceof ApiError ? error.code : 'internal')
      throw error
    }
  }

  /** Counts one that was turned away before it was asked who it is. */
  refused(code: ErrorCode): void {
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
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        // Whoever is let in after all gives the place back.
        admitted.then((principal) => this.release(principal)).catch(() => {})
        reject(tooLate())
      }, this.#handshakeTimeout)
    })
    try {
      return await Promise.race([admitted, late])
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * Counts the opening of a session in which nobody has said yet who they are: Socket.IO's. A request that
   * names its session belongs to one that was counted.
   * @returns the refusal, if it is one too many
   */
  refusedSession(request: Origin & { url?: string | undefined }): ApiError | undefined {
    if (!this.#limiter || namesSession(request.url)) return undefined
    try {
      this.#limiter.takeFrom('handshakes', this.#limiter.addressOf(request))
      return undefined
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      this.refused(error.code)
      return error
    }
  }

  /** Takes back `admit`: the connection is over, or was never opened. */
  release(principal: Principal): void {
    this.#counts.release(principal)
  }

  async #counted(presented: Presented, address: string | undefined): Promise<Principal> {
    const principal = await this.#identify(presented, address)
    if (await this.#counts.acquire(principal)) return principal
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

function tooLate(): ApiError {
  const message = 'Checking the token took too long.'
  return new ApiError(503, 'handshake_timeout', message, { retryAfter: 1 })
}

/** As Engine.IO looks at it: an empty id, or one in another parameter's text, opens a new session. */
function namesSession(url = ''): boolean {
  const [, query = ''] = url.split('?', 2)
  return Boolean(new URLSearchParams(query).getAll('sid').at(-1))
}
