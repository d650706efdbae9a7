import type { Redis } from 'ioredis'
import type { ChangeLog } from '../../ledger/change-log.ts'
import { type Bus, CACHE_SECONDS } from './bus.ts'
import { BALANCE_PATTERNS } from './keys.ts'

const PAGE = 500

/**
 * Corrects a cache that missed changes, or has gone back in time. Only what changed within the TTL can be
 * wrong: a balance that was cached before a change is gone once the TTL has passed since.
 */
export async function refreshCache(
  bus: Pick<Bus, 'refresh'>,
  changes: ChangeLog,
  withinSeconds: number,
): Promise<void> {
  const seconds = Math.min(CACHE_SECONDS, withinSeconds)
  let cursor: string | null = null
  do {
    const page = await changes.changedWithin(seconds, cursor, PAGE)
    if (page.wallets.length > 0) await bus.refresh(page.wallets)
    cursor = page.next
  } while (cursor !== null)
}

/** Drops all cached balances when they belong to another database, or another default currency. */
export async function forgetOtherEpochs(redis: Redis, current: string): Promise<void> {
  const owner = 'livebalance:owner'
  if ((await redis.get(owner)) === current) return
  for (const pattern of BALANCE_PATTERNS) {
    let cursor = '0'
    do {
      const [next, keys] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', PAGE)
      if (keys.length > 0) await redis.unlink(...keys)
      cursor = next
    } while (cursor !== '0')
  }
  await redis.set(owner, current)
}
