/**
 * What admins, trusted services and operators do with their rights: the names of deeds. The SQL type `deed_name` has
 * the same names in the same order. The first six are commands of the ledger, which notes them itself.
 */
export const DEEDS = [
  'topup_process',
  'withdrawal_process',
  'adjustment',
  'adjustment_process',
  'refund',
  'refund_process',
  'wallet_freeze',
  'recalculate',
  'recalculate_all',
  'four_eyes_set',
  'limit_set',
  'limit_delete',
  'monitor_set',
  'monitor_delete',
  'tokens_revoke',
  'revocation_lift',
  'webhook_create',
  'webhook_change',
  'webhook_delete',
  'webhook_rotate',
  'webhook_test',
  'webhook_replay',
  'provider_event_resolve',
  'debt_settle',
  'auto_topup_set',
  'auto_topup_delete',
  'method_save',
  'method_delete',
  'tenant_create',
  'tenant_change',
  'tenant_delete',
  'key_create',
  'key_change',
  'key_revoke',
  'statement_export',
  'deeds_export',
] as const

export type DeedName = (typeof DEEDS)[number]

/** Who does it, and by which request. */
export interface DeedOrigin {
  /** Whose log it is in: the tenant of what it concerns. */
  tenant: string
  /** The token's `sub`. */
  actor: string
  roles: readonly string[]
  /** The id of the API key, where there was one. */
  keyId?: string
  requestId?: string
  /** The client's address. */
  address?: string
}

/** What was done. `asked`, `before` and `after` hold no secrets; amounts are decimal texts in major units. */
export interface NewDeed {
  deed: DeedName
  /** Whom it concerns. */
  userId?: string | undefined
  /** The id of the transaction, webhook, revocation … that it concerns. */
  target?: string | undefined
  asked?: Readonly<Record<string, unknown>>
  before?: Readonly<Record<string, unknown>>
  after?: Readonly<Record<string, unknown>>
}

/** A deed as stored. */
export interface Deed {
  /** A UUIDv7: sorts by time. */
  id: string
  /** ISO 8601. */
  at: string
  actor: string
  roles: string[]
  keyId: string | null
  deed: DeedName
  userId: string | null
  target: string | null
  /** `done`, or the code of the refusal. */
  result: string
  requestId: string | null
  address: string | null
  asked?: Record<string, unknown>
  before?: Record<string, unknown>
  after?: Record<string, unknown>
  /** Its place in the tenant's chain, and the hash that proves it (hexadecimal). Null for the first seconds. */
  seal: { seq: number; hash: string } | null
}

export interface DeedFilter {
  tenant: string
  actor?: string
  deed?: DeedName
  /** The user or the id that it concerns. */
  target?: string
  /** Only deeds that were done, or only refused ones. */
  result?: 'done' | 'refused'
  /** ISO 8601: inclusive and exclusive. */
  from?: string
  to?: string
}

export interface DeedQuery extends DeedFilter {
  /** The id of the last deed of the page before. */
  cursor?: string
  limit: number
  /** Default `desc`, newest first. */
  order?: 'asc' | 'desc'
}
