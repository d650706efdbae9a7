import type { LimitedType } from '../ledger/command.ts'
import { DEFAULT_TENANT } from '../lib/identity.ts'

/** The keys that verify the tokens of one tenant. They also decide the accepted algorithms. */
export type TenantIdentity = (
  | { kind: 'secret'; secret: string }
  | { kind: 'jwks'; url: string }
) & { issuer?: string; audience?: string }

/** A spending limit that every user of the tenant has by default. At least one of the two bounds is set. */
export interface TenantLimit {
  type: LimitedType
  currency: string
  /** Minor units, as text. */
  maxAmount?: string | null
  maxSum?: string | null
  windowSeconds?: number | null
}

/** What is set for a tenant. What is missing is as the server has it. Stored as `tenants.settings`. */
export interface TenantSettings {
  /** Currency of requests that name none. */
  currency?: string
  limits?: readonly TenantLimit[]
  /** Requests a minute of all its users and services together. */
  rateLimits?: Partial<Readonly<Record<'reads' | 'writes' | 'handshakes', number>>>
  /** Open streams of all its users together. */
  maxConnections?: number
  /** Default: the server's own keys. */
  identity?: TenantIdentity
  /** Origins whose pages may call, or `*`. Default: CORS_ORIGINS. */
  allowedOrigins?: readonly string[]
  maxWebhooks?: number
  eventRetentionSeconds?: number
  /** Balance frames a second: of clients that ask for no rate, and the most that anyone gets. */
  defaultMaxRate?: number
  maxRate?: number
}

export interface Tenant {
  id: string
  name: string
  settings: TenantSettings
  suspendedAt: string | null
  suspendedReason: string | null
  createdBy: string
  createdAt: string
  updatedAt: string
}

/** A change of settings; null: as the server has it. */
export type TenantChanges = {
  [Name in keyof TenantSettings]?: NonNullable<TenantSettings[Name]> | null
}

/** What this process knows of tenants. No call waits for anything. */
export interface TenantDirectory {
  /** Empty for a tenant that nobody made. */
  settingsOf(tenant: string): TenantSettings
  isMade(tenant: string): boolean
  isSuspended(tenant: string): boolean
  /** Of all tenants together, without the server's own. */
  readonly origins: readonly string[]
  /** Whether any tenant has its own keys. */
  readonly hasIdentities: boolean
  /** `listener` is called after a change. Returns a function that removes it. */
  onChange(listener: () => void): () => void
}

const NOTHING: TenantSettings = {}

/** Nobody made a tenant. */
export const NO_TENANTS: TenantDirectory = {
  settingsOf: () => NOTHING,
  isMade: (tenant) => tenant === DEFAULT_TENANT,
  isSuspended: () => false,
  origins: [],
  hasIdentities: false,
  onChange: () => () => {},
}

/** What a tenant has and uses. */
export interface TenantUsage {
  users: number
  newUsers: number
  events: number
  /** `volume`: minor units, as text. */
  currencies: { currency: string; transactions: number; volume: string }[]
  requests: number
  connections: number
  keys: number
}
