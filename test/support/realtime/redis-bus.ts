import { onTestFinished } from 'vitest'
import { parseRedisAddress } from '../../../src/config/redis-address.ts'
import { RedisBus, type RedisBusOptions } from '../../../src/realtime/bus/redis-bus.ts'
import { silent } from './balance-server.ts'
import type { FakeLedger } from './fake-ledger.ts'

/** Timeouts that let a test see an outage of Redis soon. */
export const SHORT_TIMEOUTS = { commandTimeoutMs: 300, probeAfterMs: 200 }

/** The bus of one process over Redis, on a ledger in memory. Ends with the test. */
export function openRedisBus(
  url: string,
  ledger: FakeLedger,
  options: Partial<RedisBusOptions> = {},
): RedisBus {
  const bus = new RedisBus({
    redis: parseRedisAddress(url),
    epoch: ledger.epoch,
    currency: 'USD',
    changes: ledger,
    logger: silent,
    ...options,
  })
  onTestFinished(() => bus.close())
  return bus
}
