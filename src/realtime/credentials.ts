import type { Authenticator, Principal } from '../auth/principal.ts'
import { ApiError } from '../errors.ts'
import { Tickets } from './tickets.ts'

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

  constructor(authenticator: Authenticator, tickets: Tickets) {
    this.#authenticator = authenticator
    this.#tickets = tickets
  }

  /** @throws ApiError `unauthorized`, `token_expired` or `unavailable` */
  async identify(presented: Presented): Promise<Principal> {
    const token = tokenOf(presented)
    if (!token) throw new ApiError(401, 'unauthorized', 'a token is required')
    if (!Tickets.looksLikeOne(token)) return await this.#authenticator.authenticate(token)
    const principal = await this.#tickets.redeem(token)
    if (!principal) throw new ApiError(401, 'unauthorized', 'the ticket was used or is too old')
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
