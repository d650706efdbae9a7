import type { Logger } from 'pino'
import type { ChangeLog } from '../ledger/change-log.ts'
import type { Committed } from '../ledger/command.ts'
import type { OutboxStore } from '../ledger/outbox-store.ts'
import type { ShutdownStack } from '../lib/shutdown-stack.ts'
import type { Bus } from './bus/bus.ts'
import { MemoryBus } from './bus/memory-bus.ts'
import { RedisBus } from './bus/redis-bus.ts'
import { Outbox } from './outbox.ts'
import type { PublishObserver } from './publish-observer.ts'

export interface PublishingOptions {
  /** Undefined: this process is all that there is. */
  redisUrl: string | undefined
  store: OutboxStore & ChangeLog & { epoch: string }
  /** Of the documented `balance:user:<userId>` keys. */
  currency: string
  log: Logger
  observers: readonly PublishObserver[]
}

/** The bus of the installation, and the way of each commit onto it. Both end with `releases`. */
export function publishingOf(
  { redisUrl, store, currency, log, observers }: PublishingOptions,
  releases: ShutdownStack,
): { bus: Bus; onCommitted(committed: Committed): Promise<void> } {
  const shared = { epoch: store.epoch, currency, logger: log }
  const bus = redisUrl
    ? new RedisBus({ ...shared, url: redisUrl, changes: store })
    : new MemoryBus(shared)
  releases.add(() => bus.close())
  const outbox = new Outbox({ bus, store, logger: log, observers })
  releases.add(() => outbox.close())
  return {
    bus,
    async onCommitted(committed) {
      await outbox.publish(committed)
    },
  }
}
