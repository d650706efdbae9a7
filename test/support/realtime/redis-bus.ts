import { randomUUID } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { parseRedisAddress } from '../../../src/config/redis-address.ts'
import { RedisBus, type RedisBusOptions } from '../../../src/realtime/bus/redis-bus.ts'
import { silent } from './balance-server.ts'
import { COMMON_EPOCH, type FakeLedger } from './fake-ledger.ts'

/** Timeouts that let a test see an outage of Redis soon. */
export const SHORT_TIMEOUTS = { commandTimeoutMs: 300, probeAfterMs: 200 }

/** The bus of one process over Redis, on a ledger in memory. Ends with the test. */
export function openRedisBus(
  url: string,
  ledger: FakeLedger,
  options: Partial<RedisBusOptions> = {},
): RedisBus {
  // Redis keeps the last events of users by epoch, and the tests of a file have the same users.
  if (ledger.epoch === COMMON_EPOCH) ledger.epoch = `e${randomUUID().slice(0, 8)}`
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
