import type { Authenticator, Principal, RevocationList } from '../../auth/principal.ts'
import { Tickets } from '../../auth/tickets.ts'
import { tokenRefused } from '../../auth/token-refusal.ts'
import { tokenRevoked } from '../../auth/token-revoked.ts'

/** The places where a stream's client can put its token, or a ticket in place of it. */
export interface Presented {
  /** Socket.IO's `auth.token`. */
  token?: unknown
  /** `?token=`. */
  query?: string | null | undefined
  authorization?: string | undefined
}

/** Finds out who opens a stream. */
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
   * Strictly until the token's end, for a stream ends then too: one within the clocks' tolerance would end at once.
   * @throws ApiError `unauthorized`, `token_expired`, `token_revoked` or `unavailable`
   */
  async identify(presented: Presented): Promise<Principal> {
    const principal = await this.#identify(presented)
    if (principal.expiresAt * 1000 <= Date.now()) {
      throw tokenRefused('expired')
    }
    return principal
  }

  async #identify(presented: Presented): Promise<Principal> {
    const token = tokenOf(presented)
    if (!token) {
      // What is there and is no text is not nothing.
      if (presented.token) throw tokenRefused('malformed')
      throw tokenRefused('missing', undefined, 'Send a token.')
    }
    if (!Tickets.looksLikeOne(token)) return await this.#authenticator.authenticate(token)
    const principal = await this.#tickets.redeem(token)
    if (!principal)
      throw tokenRefused('ticket', undefined, 'The ticket was used before, or has expired.')
    // Between the issue of a ticket and its use, the token behind it may have been revoked.
    if (this.#revocations?.covers(principal)) throw tokenRevoked()
    return principal
  }
}

function tokenOf({ token, query, authorization }: Presented): string | undefined {
  const named = typeof token === 'string' && token !== '' ? token : query
  if (named) return stripScheme(named)
  return authorization && /^bearer /i.test(authorization) ? stripScheme(authorization) : undefined
}

/** Some clients put the whole header's value where the token belongs. */
function stripScheme(text: string): string {
  return text.replace(/^bearer +/i, '')
}
