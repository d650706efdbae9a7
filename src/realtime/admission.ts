import type { Principal } from '../auth/principal.ts'
import { ApiError } from '../errors.ts'
import { CURRENCIES } from '../ledger/money.ts'
import type { ConnectionCounts } from './connection-counts.ts'
import type { Credentials, Presented } from './credentials.ts'
import { HANDSHAKE_TIMEOUT } from './limits.ts'

export interface AdmissionOptions {
  credentials: Credentials
  counts: ConnectionCounts
  /** Milliseconds that finding out who it is may take. Default 10 s. */
  handshakeTimeout?: number | undefined
}

/** Who may open a connection, on every transport. */
export class Admission {
  readonly #credentials: Credentials
  readonly #counts: ConnectionCounts
  readonly #handshakeTimeout: number
  #draining = false

  constructor(options: AdmissionOptions) {
    this.#credentials = options.credentials
    this.#counts = options.counts
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
   * @throws ApiError `unauthorized`, `token_expired`, `token_revoked`, `invalid_request`,
   *   `too_many_connections`, `handshake_timeout`, `shutting_down` or `unavailable`
   */
  async admit(presented: Presented, currency?: string | null): Promise<Principal> {
    if (this.#draining) {
      throw new ApiError(503, 'shutting_down', 'the server is restarting', { retryAfter: 1 })
    }
    if (currency && !CURRENCIES.has(currency)) {
      throw new ApiError(400, 'invalid_request', 'currency must be an ISO 4217 code such as USD')
    }
    const admitted = this.#counted(presented)
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

  /** Takes back `admit`: the connection is over, or was never opened. */
  release(principal: Principal): void {
    this.#counts.release(principal)
  }

  async #counted(presented: Presented): Promise<Principal> {
    const principal = await this.#credentials.identify(presented)
    if (principal.expiresAt * 1000 <= Date.now()) {
      throw new ApiError(401, 'token_expired', 'the token has expired')
    }
    if (await this.#counts.acquire(principal)) return principal
    const message = 'this user has too many connections open'
    throw new ApiError(429, 'too_many_connections', message, { retryAfter: 5 })
  }
}

function tooLate(): ApiError {
  const message = 'checking the token took too long'
  return new ApiError(503, 'handshake_timeout', message, { retryAfter: 1 })
}
