import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import { PushMeter } from '../../../src/deliveries/metrics.ts'
import type { PushDevice } from '../../../src/deliveries/push.ts'
import type { NewDevice } from '../../../src/deliveries/push-devices.ts'
import { createPush, type PushOptions } from '../../../src/deliveries/push-notifications.ts'
import { PostgresEventStore } from '../../../src/ledger/event-store.ts'
import { Executor } from '../../../src/ledger/executor.ts'
import { ShutdownStack } from '../../../src/lib/shutdown-stack.ts'
import { newVapidKeys } from '../../../src/lib/vapid.ts'
import { MemoryBus } from '../../../src/realtime/bus/memory-bus.ts'
import { Outbox } from '../../../src/realtime/outbox.ts'
import { test as base } from '../fixtures.ts'
import { type Pushed, type Subscription, startPushService } from './push-service.ts'

const log = pino({ level: 'silent' })

export const SUBJECT = 'mailto:ops@example.com'

/** A ledger on a real Postgres that publishes, a process that pushes, and a push service. All end with the test. */
export const test = base.extend('ledger', async ({ sql, owner }) => {
  await owner`truncate push_devices, push_services, push_settings, push_visible, delivery_feed`
  await owner`delete from outbox`
  const store = await PostgresEventStore.open(sql)
  const releases = new ShutdownStack()
  onTestFinished(() => releases.run())
  const vapid = { ...newVapidKeys(), subject: SUBJECT }
  const meter = new PushMeter()
  /** A process that pushes. */
  const sender = (more: Partial<PushOptions> = {}) => {
    const own = new ShutdownStack()
    releases.add(() => own.run())
    const push = createPush(
      {
        sql,
        epoch: store.epoch,
        vapid,
        allowPrivate: true,
        maxAgeSeconds: 3600,
        meter,
        log,
        ...more,
      },
      own,
    )
    push.start()
    return { ...push, stop: () => own.run() }
  }
  let push = sender()
  const service = await startPushService()
  const bus = new MemoryBus({ epoch: store.epoch, currency: 'USD', logger: log })
  releases.add(() => bus.close())
  const outbox = new Outbox({ bus, store, logger: log, onMarked: () => push.wake() })
  releases.add(() => outbox.close())
  const executor = new Executor(sql, {
    async onCommitted(committed) {
      await outbox.publish(committed)
    },
  })
  return {
    ...{ store, vapid, meter, service, owner, outbox, sql },
    devices: push.devices,
    execute: executor.execute.bind(executor),
    wake: () => push.wake(),
    /** In place of the process that pushes now. */
    async restart(more: Partial<PushOptions> = {}) {
      await push.stop()
      push = sender(more)
    },
    stop: () => push.stop(),
    /** Changes a balance by so many minor units. */
    change: (userId: string, amount = 100n, currency = 'USD') =>
      executor.execute({
        ...{ op: 'adjustment', actor: 'admin', tenant: 'default', userId, amount },
        ...{ currency, description: 'test' },
      }),
    /** A device of the user, at `service` unless it is given a subscription. */
    async device(
      userId: string,
      more: Partial<NewDevice> & { subscription?: Subscription } = {},
    ): Promise<PushDevice & { subscription: Subscription; pushed: () => Pushed[] }> {
      const { subscription = service.subscribe(), ...settings } = more
      const { endpoint: address, keys } = subscription.json
      const { origin, pathname } = new URL(address)
      const device = await push.devices.register(
        { tenant: 'default', userId },
        {
          ...{ kind: 'web', address, keys, service: origin },
          ...{ label: null, language: 'en', figures: true, ...settings },
        },
      )
      if (typeof device === 'string') throw new Error(device)
      const pushed = () => service.pushed.filter(({ path }) => path === pathname)
      return { ...device, subscription, pushed }
    },
  }
})
