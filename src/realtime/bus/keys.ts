import type { UserRef } from '../../ledger/event.ts'
import { DEFAULT_TENANT, tenantPart, userPart } from '../../lib/identity.ts'
import type { Shards } from './shards.ts'

/** The keys of wallets, and what decides their slots in a cluster. No two wallets share a key. */
export interface WalletKeys {
  /** Has plain decimal text. */
  balance(user: UserRef, currency: string): string
  /** Has `<epoch>:<seq>` of that balance. */
  version(user: UserRef, currency: string): string
  /** Has the user's last events, of all currencies. Its name has the epoch: events of two databases never mix. */
  history(user: UserRef, epoch: string): string
  /** Wallets with the same one are in the same slot, so that one script can change them. */
  slotTag(user: UserRef): string
}

/**
 * On one Redis, the balance in the default currency is the documented `balance:user:<userId>`, or
 * `balance:<tenant>:user:<userId>` for tenants other than the default one.
 *
 * In a cluster the hash tag of the user's shard follows: `balance:user:<userId>:{<tag>}`. Only the text in the braces
 * decides the slot, so all keys of a shard and its channel are in one. No other part of a key has braces.
 */
export function walletKeys(
  defaultCurrency: string,
  shards?: Pick<Shards, 'tags' | 'tagOf'>,
): WalletKeys {
  const userOf = shards?.tags
    ? (user: UserRef) => `${userPart(user.userId)}:{${shards.tagOf(user)}}`
    : ({ userId }: UserRef) => userPart(userId)
  return {
    balance(user, currency) {
      const { tenant } = user
      if (currency !== defaultCurrency)
        return `livebalance:balance:${currency}:${tenantPart(tenant)}:${userOf(user)}`
      if (tenant === DEFAULT_TENANT) return `balance:user:${userOf(user)}`
      return `balance:${tenantPart(tenant)}:user:${userOf(user)}`
    },
    version: (user, currency) =>
      `livebalance:version:${currency}:${tenantPart(user.tenant)}:${userOf(user)}`,
    history: (user, epoch) =>
      `livebalance:events:${epoch}:${tenantPart(user.tenant)}:${userOf(user)}`,
    slotTag: shards ? (user) => shards.tagOf(user) : () => '',
  }
}

/** Divides items so that one script can change each group. */
export function bySlot<T>(items: readonly T[], tagOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const tag = tagOf(item)
    const group = groups.get(tag)
    if (group) group.push(item)
    else groups.set(tag, [item])
  }
  return [...groups.values()]
}

/** Whose balances the cache has. */
export const OWNER_KEY = 'livebalance:owner'

/** How many shards the processes of this installation have agreed on. */
export const SHARDS_KEY = 'livebalance:shards'

/** A process with connections: the key exists while its lease is valid. */
export const holderKey = (holder: string) => `livebalance:holder:${holder}`

/** The connections of a user (as of `userKey`), counted by holder. */
export const connectionsKey = (user: string) => `livebalance:connections:${user}`

export const ticketKey = (ticket: string) => `livebalance:ticket:${ticket}`

/** A hash with a field for each process. */
export const PROCESSES_KEY = 'livebalance:processes'

/** What a process last told of itself. */
export const processKey = (id: string) => `livebalance:process:${id}`

/** The requests of one user or address in a window. */
export const rateKey = (counter: string, key: string) => `livebalance:rate:${counter}:${key}`

/** The epoch of the database whose balances of this tenant the cache has, if it is not the main one. */
export const tenantOwnerKey = (tenant: string) => `livebalance:owner:${tenantPart(tenant)}`

/**
 * As `BALANCE_PATTERNS`, of one tenant, and for its histories of the epoch. If the tenant was in that database before, the
 * histories end where it left.
 */
export function tenantPatterns(tenant: string, epoch: string): string[] {
  const part = tenantPart(tenant).replace(/[\\*?[\]^]/g, '\\$&')
  return [
    tenant === DEFAULT_TENANT ? 'balance:user:*' : `balance:${part}:user:*`,
    `livebalance:balance:???:${part}:*`,
    `livebalance:version:???:${part}:*`,
    `livebalance:events:${epoch}:${part}:*`,
  ]
}

/** Glob patterns of Redis for all keys with balances, to drop them after the database was replaced. */
export const BALANCE_PATTERNS = [
  'balance:user:*',
  'balance:*:user:*',
  'livebalance:balance:*',
  'livebalance:version:*',
] as const
