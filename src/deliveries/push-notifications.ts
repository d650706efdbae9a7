import type { Logger } from '../lib/log.ts'
import { PeriodicTask } from '../lib/periodic-task.ts'
import type { ShutdownStack } from '../lib/shutdown-stack.ts'
import type { VapidKeys } from '../lib/vapid.ts'
import type { Sql } from '../postgres/database.ts'
import { Deliverer } from './deliverer.ts'
import { GuardedRequests } from './guarded-request.ts'
import type { PushMeter } from './metrics.ts'
import { PushDevices } from './push-devices.ts'
import { PER_SERVICE, PushQueue } from './push-queue.ts'
import type { PushService } from './push-service.ts'
import { PushSink } from './push-sink.ts'
import { WebPush } from './web-push.ts'

export interface PushOptions {
  sql: Sql
  /** Ids of events begin with it. */
  epoch: string
  /** Undefined: nothing is sent. */
  vapid: VapidKeys | undefined
  /** See `WEBHOOK_ALLOW_PRIVATE`. */
  allowPrivate: boolean
  /** An older event is not sent. */
  maxAgeSeconds: number
  /** The requests that this process has answered. */
  answered?: (() => number) | undefined
  meter: PushMeter
  log: Pick<Logger, 'warn' | 'info'>
  /** More kinds of devices. Default: only `web`. */
  services?: Readonly<Record<string, PushService>>
}

/** What routes need of push notifications. */
export interface Push {
  devices: Omit<PushDevices, 'totals'>
  /** With it a browser subscribes. Undefined: push is not configured. */
  publicKey: string | undefined
  allowPrivate: boolean
  /** Looks for work now, if this process sends. */
  wake(): void
}

const TIDY_EVERY_MS = 600_000

/** No attempt is planned for later than this: the end of the quiet hours is within a day. */
const LATEST_ATTEMPT_HOURS = 26

/** Push notifications of this process. It sends only once `start` is called. */
export function createPush(
  { sql, epoch, vapid, allowPrivate, maxAgeSeconds, meter, log, ...rest }: PushOptions,
  releases: ShutdownStack,
): Push & { devices: PushDevices; start(): void } {
  const requests = new GuardedRequests({ allowPrivate, keptConnections: PER_SERVICE })
  releases.add(async () => requests.close())
  const web = vapid && new WebPush(requests, vapid)
  const sink = new PushSink({
    services: { ...(web && { web }), ...rest.services },
    ...{ epoch, meter, maxAgeMs: maxAgeSeconds * 1000 },
  })
  const deliverer = new Deliverer({
    ...{ store: new PushQueue(sql), sink, log, meter, name: 'push notifications' },
    ...{ perReceiver: PER_SERVICE, answered: rest.answered },
    // An event is too old long before.
    giveUpAfterMs: Number.POSITIVE_INFINITY,
  })
  const tidying = new PeriodicTask(
    async () => {
      await sql`select push_tidy(make_interval(hours => ${LATEST_ATTEMPT_HOURS}))`
    },
    { log, name: 'deleting what push notifications left', intervalMs: TIDY_EVERY_MS },
  )
  return {
    devices: new PushDevices(sql),
    ...{ publicKey: vapid?.publicKey, allowPrivate },
    wake: () => deliverer.wake(),
    start() {
      if (!vapid) return
      releases.add(() => deliverer.stop())
      releases.add(() => tidying.stop())
      deliverer.start()
      tidying.start()
    },
  }
}
