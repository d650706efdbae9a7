/** Tokens that no longer count: all that a user had up to `revokedAt`, or the one with an id. */
export interface Revocation {
  id: string
  tenant: string
  /** Exactly one of the two. */
  userId?: string
  /** A `jti`. */
  tokenId?: string
  reason: string | null
  /** The admin's user id. */
  revokedBy: string
  /** ISO 8601, as all times here. */
  revokedAt: string
  /** When the tokens are over anyway, and it is forgotten; null: it stands until it is lifted. */
  expiresAt: string | null
}

export type NewRevocation = Omit<Revocation, 'id' | 'revokedAt'>

export interface RevocationQuery {
  tenant: string
  userId?: string
  tokenId?: string
  /** The id of the last one of the page before. */
  cursor?: string
  limit: number
}

/** A revocation as it stands after a change of it. */
export interface RevocationChange {
  revocation: Revocation
  lifted: boolean
  /** Greater than that of every change that was visible before. */
  version: number
}

/** Where revocations are kept. Every method rejects while that is away. */
export interface RevocationStore {
  /** The same user or token again renews the one that is there. */
  revoke(revocation: NewRevocation): Promise<Revocation>
  /** False: there is none of this tenant with this id. */
  lift(tenant: string, id: string): Promise<boolean>
  /** Those that stand, newest first. */
  list(query: RevocationQuery): Promise<{ items: Revocation[]; nextCursor: string | null }>
  /** What changed after `version`, in that order; at most `limit`. */
  changesAfter(version: number, limit: number): Promise<RevocationChange[]>
  /** Forgets what has no meaning any more. */
  prune(): Promise<void>
}
