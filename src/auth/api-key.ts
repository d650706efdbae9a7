import type { Scope } from './scopes.ts'

/** The roles that an API key can have. Nobody is an operator by a key. */
export const KEY_ROLES = ['admin', 'service'] as const

export type KeyRole = (typeof KEY_ROLES)[number]

/** `service`: made for a program. `operator`: with it an operator acts as an admin of the tenant, for minutes. */
export type KeyKind = 'service' | 'operator'

export interface ApiKey {
  id: string
  tenant: string
  kind: KeyKind
  name: string
  /** Whom the ledger names as the actor. */
  userId: string
  roles: KeyRole[]
  /** Null: everything that the roles allow. */
  scopes: Scope[] | null
  /** The beginning of the key, which may be shown. */
  prefix: string
  /** Until then the key before works too. */
  previousUntil: string | null
  expiresAt: string | null
  revokedAt: string | null
  lastUsedAt: string | null
  createdBy: string
  createdAt: string
}
