import type { UserRef } from '../ledger/event.ts'
import type { ApiError } from '../lib/api-error.ts'
import type { Scope } from './scopes.ts'

/** The bearer of a verified token. */
export interface Principal extends UserRef {
  /** May process topups, adjust, refund, and read every user of its tenant. */
  isAdmin: boolean
  /** A trusted backend. May create debits, holds and refunds for any user of its tenant. */
  isService: boolean
  /** Runs the platform: makes tenants. Only by a token that the server's own key verified. */
  isOperator?: true
  /** An operator who acts as an admin of the tenant. They are none of its users, also not the one with their id. */
  isActing?: true
  /** Of an API key, which took the place of a token. */
  keyId?: string
  /** What the API key is narrowed to. Undefined: everything that its roles allow. */
  scopes?: readonly Scope[]
  /** The token's `exp`, in seconds since 1970. */
  expiresAt: number
  /** The token's `iat`, in seconds since 1970, where it has one. */
  issuedAt?: number
  /** The token's `jti`, where it has one. */
  tokenId?: string
}

/** Which claims of a token name its user, the roles and the tenant. */
export interface ClaimNames {
  /** Default `sub`. */
  user?: string | undefined
  /** All of them count together. Default `roles` and `role`. */
  roles?: readonly string[] | undefined
  /** Default `tenant`. */
  tenant?: string | undefined
  /** The provider's names of roles to `admin`, `service` or `operator`. Where it is set, no other name counts. */
  roleMap?: ReadonlyMap<string, string> | undefined
}

/** Turns a bearer token into a principal. Throws `ApiError` `unauthorized`, never anything that holds the token. */
export interface Authenticator {
  authenticate(token: string): Promise<Principal>
}

/** The tokens that an authenticator remembers. */
export interface TokenMemory {
  /** The bearer of a token that was verified before and is still valid; otherwise undefined. */
  recall(token: string): Principal | undefined
}

/** The tokens that were revoked before they expired. */
export interface RevocationList {
  covers(principal: Principal): boolean
  /** `listener` is called when tokens were revoked. Returns a function that removes it. */
  onRevoked(listener: () => void): () => void
}

/** Decides who may not go on, although their token is good: their tenant is suspended, or their key was revoked. */
export interface Gate {
  problem(principal: Principal): ApiError | undefined
  /** `listener` is called when the answer may have changed. Returns a function that removes it. */
  onChange(listener: () => void): () => void
}

/** Issues tickets: single-use replacements of a token, for clients that can only put it into a URL. */
export interface TicketIssuer {
  /** Valid once, on any process, for 30 s. `expiresAt` is ISO 8601. Throws `ApiError` `unavailable` when no ticket can be stored. */
  issue(principal: Principal): Promise<{ ticket: string; expiresAt: string }>
}
