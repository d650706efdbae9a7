import type { UserRef } from '../ledger/event.ts'

/** Who a verified token speaks for. */
export interface Principal extends UserRef {
  /** Processes topups, adjusts, refunds and reads everyone of its tenant. */
  isAdmin: boolean
  /** A trusted backend: creates debits, holds and refunds for any user of its tenant. */
  isService: boolean
  /** The token's `exp`, in seconds since 1970. */
  expiresAt: number
  /** The token's `iat`, in seconds since 1970, where it has one. */
  issuedAt?: number
  /** The token's `jti`, where it has one. */
  tokenId?: string
}

/** Turns a bearer token into a principal. Throws `ApiError` `unauthorized`, never anything that holds the token. */
export interface Authenticator {
  authenticate(token: string): Promise<Principal>
}

/** What an authenticator still knows of earlier tokens. */
export interface TokenMemory {
  /** The bearer of a token that passed before and would pass now; undefined for any other one. */
  recall(token: string): Principal | undefined
}

/** Which tokens were taken back before they expired. */
export interface RevocationList {
  covers(principal: Principal): boolean
  /** `listener` is called when more tokens were revoked. Returns a function that stops it. */
  onRevoked(listener: () => void): () => void
}

/** Gives single-use stand-ins for a token, for clients that can only put it into a URL. */
export interface TicketIssuer {
  /** Valid once, on any process, for 30 s. `expiresAt` is ISO 8601. Throws `ApiError` `unavailable` when no ticket can be kept. */
  issue(principal: Principal): Promise<{ ticket: string; expiresAt: string }>
}
