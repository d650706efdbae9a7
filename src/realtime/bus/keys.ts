import type { UserRef } from '../../ledger/event.ts'

/** First parts of a public key that are not a tenant. */
const RESERVED = new Set(['user', 'updates'])

/**
 * A tenant as one part of a key. Tenants may hold `:`, which separates parts, and may be called what a
 * public key has in their place; `%`, which no tenant holds, keeps them apart.
 */
function tenantPart(tenant: string): string {
  if (RESERVED.has(tenant)) return `%${tenant}`
  return tenant.replaceAll(':', '%3A')
}

/**
 * Where a wallet's balance is cached, as plain decimal text. The default tenant's in the default currency is at
 * the documented `balance:user:<userId>`, other tenants' at `balance:<tenant>:user:<userId>`. No two wallets
 * share a key.
 */
export function balanceKey(who: UserRef, currency: string, defaultCurrency: string): string {
  if (currency !== defaultCurrency) return `livebalance:balance:${currency}:${userKey(who)}`
  if (who.tenant === 'default') return `balance:user:${who.userId}`
  return `balance:${tenantPart(who.tenant)}:user:${who.userId}`
}

/** Where `<epoch>:<seq>` of that balance is. No two wallets share this key either. */
export function versionKey(who: UserRef, currency: string): string {
  return `livebalance:version:${currency}:${userKey(who)}`
}

/** A user of a tenant as one text, different for each. */
export function userKey(who: UserRef): string {
  return `${tenantPart(who.tenant)}:${who.userId}`
}

/** Patterns (Redis' glob) of the keys that hold balances, to drop them when the database was replaced. */
export const BALANCE_PATTERNS = [
  'balance:user:*',
  'balance:*:user:*',
  'livebalance:balance:*',
  'livebalance:version:*',
] as const

/** A wallet that is none: no tenant holds a `%`. Written to find out whether Redis takes writes. */
export const PROBE = { tenant: '%probe', userId: 'probe', balance: 0n, seq: 0 } as const
