import type { UserRef } from '../../ledger/event.ts'
import { tenantPart, userPart } from '../../lib/identity.ts'

/** The keys of wallets, and what decides their slots in a cluster. No two wallets share a key. */
export interface WalletKeys {
  /** Has plain decimal text. */
  balance(user: UserRef, currency: string): string
  /** Has `<epoch>:<seq>` of that balance. */
  version(user: UserRef, currency: string): string
  /** Wallets with the same one are in the same slot, so that one script can change them. */
  slotTag(user: UserRef): string
}

/**
 * On one Redis, the balance in the default currency is the documented `balance:user:<userId>`, or
 * `balance:<tenant>:user:<userId>` for tenants other than the default one.
 *
 * In a cluster there are braces around the user's id: `balance:user:{<userId>}`. Only the text in the braces decides
 * the slot, so both keys of a wallet are in one. No other part of a key has braces.
 */
export function walletKeys(defaultCurrency: string, inCluster = false): WalletKeys {
  const userOf = inCluster
    ? ({ userId }: UserRef) => `{${userPart(userId)}}`
    : ({ userId }: UserRef) => userPart(userId)
  return {
    balance(user, currency) {
      const { tenant } = user
      if (currency !== defaultCurrency)
        return `livebalance:balance:${currency}:${tenantPart(tenant)}:${userOf(user)}`
      if (tenant === 'default') return `balance:user:${userOf(user)}`
      return `balance:${tenantPart(tenant)}:user:${userOf(user)}`
    },
    version: (user, currency) =>
      `livebalance:version:${currency}:${tenantPart(user.tenant)}:${userOf(user)}`,
    slotTag: inCluster ? ({ userId }) => userPart(userId) : () => '',
  }
}

/** Whose balances the cache has. */
export const OWNER_KEY = 'livebalance:owner'

/** A process with connections: the key exists while its lease is valid. */
export const holderKey = (holder: string) => `livebalance:holder:${holder}`

/** The connections of a user (as of `userKey`), counted by holder. */
export const connectionsKey = (user: string) => `livebalance:connections:${user}`

export const ticketKey = (ticket: string) => `livebalance:ticket:${ticket}`

/** The requests of one user or address in a window. */
export const rateKey = (counter: string, key: string) => `livebalance:rate:${counter}:${key}`

/** Glob patterns of Redis for all keys with balances, to drop them after the database was replaced. */
export const BALANCE_PATTERNS = [
  'balance:user:*',
  'balance:*:user:*',
  'livebalance:balance:*',
  'livebalance:version:*',
] as const

/** Of a Redis Cluster. */
export const SLOTS = 16_384

/** The slot of a key whose hash tag is this text: CRC-16/XMODEM of its bytes. */
export function slotOf(tag: string): number {
  let crc = 0
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff
  }
  return crc % SLOTS
}
