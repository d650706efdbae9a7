import type { UserRef } from '../../ledger/event.ts'

/** Words that stand where a public key can also have a tenant. */
const RESERVED = new Set(['user', 'updates'])

/**
 * A tenant as one part of a key. A tenant may contain `:`, which separates parts, or equal a reserved word. No
 * tenant contains `%`, so escaping with it keeps all keys distinct.
 */
function tenantPart(tenant: string): string {
  if (RESERVED.has(tenant)) return `%${tenant}`
  return tenant.replaceAll(':', '%3A')
}

/**
 * The key of a wallet's cached balance, which is plain decimal text. In the default currency it is the documented
 * `balance:user:<userId>`, or `balance:<tenant>:user:<userId>` for tenants other than the default one. No two
 * wallets share a key.
 */
export function balanceKey(user: UserRef, currency: string, defaultCurrency: string): string {
  if (currency !== defaultCurrency) return `livebalance:balance:${currency}:${userKey(user)}`
  if (user.tenant === 'default') return `balance:user:${user.userId}`
  return `balance:${tenantPart(user.tenant)}:user:${user.userId}`
}

/** The key of the `<epoch>:<seq>` of that balance. No two wallets share it either. */
export function versionKey(user: UserRef, currency: string): string {
  return `livebalance:version:${currency}:${userKey(user)}`
}

/** A user of a tenant as one text, unique for each. */
export function userKey(user: UserRef): string {
  return `${tenantPart(user.tenant)}:${user.userId}`
}

/** Glob patterns of Redis for all keys with balances, to drop them after the database was replaced. */
export const BALANCE_PATTERNS = [
  'balance:user:*',
  'balance:*:user:*',
  'livebalance:balance:*',
  'livebalance:version:*',
] as const

/** Not a real wallet, because no tenant contains a `%`. It is written to test whether Redis accepts writes. */
export const PROBE = { tenant: '%probe', userId: 'probe', balance: 0n, seq: 0 } as const
