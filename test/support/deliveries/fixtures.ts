import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import { WebhookMeter } from '../../../src/deliveries/metrics.ts'
import type { WebhookSettings } from '../../../src/deliveries/webhook.ts'
import { createWebhooks } from '../../../src/deliveries/webhooks.ts'
import { PostgresEventStore } from '../../../src/ledger/event-store.ts'
import { Executor } from '../../../src/ledger/executor.ts'
import { ShutdownStack } from '../../../src/lib/shutdown-stack.ts'
import { MemoryBus } from '../../../src/realtime/bus/memory-bus.ts'
import { Outbox } from '../../../src/realtime/outbox.ts'
import { test as base } from '../fixtures.ts'
import { type Receiver, startReceiver } from './receiver.ts'

/** Requests at the same time to one endpoint. */
export const PER_ENDPOINT = 10

const log = pino({ level: 'silent' })

/** A ledger on a real Postgres that publishes, and one process that sends its webhooks. Both end with the test. */
export const test = base.extend('ledger', async ({ sql, owner }) => {
  // Other tests of the file have left none behind.
  await owner`truncate webhook_endpoints, delivery_feed, webhook_cursors, webhook_attempts`
  await owner`delete from outbox`
  const store = await PostgresEventStore.open(sql)
  const releases = new ShutdownStack()
  onTestFinished(() => releases.run())
  const meter = new WebhookMeter()
  const webhooks = createWebhooks(
    { sql, epoch: store.epoch, allowPrivate: true, concurrency: PER_ENDPOINT, meter, log },
    releases,
  )
  const bus = new MemoryBus({ epoch: store.epoch, currency: 'USD', logger: log })
  releases.add(() => bus.close())
  const outbox = new Outbox({ bus, store, logger: log, onMarked: webhooks.wake })
  releases.add(() => outbox.close())
  const executor = new Executor(sql, {
    async onCommitted(committed) {
      await outbox.publish(committed)
    },
  })
  webhooks.start()
  return {
    ...{ store, webhooks, meter, outbox, owner },
    endpoints: webhooks.endpoints,
    /** Changes a balance by so many minor units: two events of the user. */
    change: (userId: string, amount = 100n, tenant = 'default') =>
      executor.execute({
        ...{ op: 'adjustment', actor: 'admin', tenant, userId, amount },
        ...{ currency: 'USD', description: 'test' },
      }),
    /** Commits that nobody publishes yet, in order. */
    async unpublished(userId: string, commits: number): Promise<{ id: string }[]> {
      const silentExecutor = new Executor(sql)
      for (let i = 0; i < commits; i++) {
        await silentExecutor.execute({
          ...{ op: 'adjustment', actor: 'admin', tenant: 'default', userId, amount: 100n },
          ...{ currency: 'USD', description: 'test' },
        })
      }
      return await owner<{ id: string }[]>`select id from outbox order by id`
    },
    /** A receiver, and the endpoint that sends to it. */
    async receiver(
      settings: Partial<WebhookSettings> = {},
    ): Promise<Receiver & { id: string; secret: string }> {
      const receiver = await startReceiver()
      const whole = { url: receiver.url, description: null, events: null, userIds: null }
      const endpoint = await webhooks.endpoints.create('default', 'ada', { ...whole, ...settings })
      if (!endpoint) throw new Error('no endpoint')
      return { ...receiver, id: endpoint.id, secret: endpoint.secret }
    },
  }
})

/** The seqs that a receiver accepted of a user, without repeats of the same delivery. */
export function seqsOf(receiver: Receiver, userId: string): number[] {
  const seen = new Set<unknown>()
  return receiver
    .accepted(userId)
    .filter(({ headers }) => !seen.has(headers['webhook-id']) && seen.add(headers['webhook-id']))
    .map(({ body }) => body.data.seq)
}

export const upTo = (seq: number) => Array.from({ length: seq }, (_, i) => i + 1)
