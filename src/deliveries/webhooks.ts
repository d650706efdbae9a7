import type { AdminNotice } from '../ledger/admin-notice.ts'
import type { Logger } from '../lib/log.ts'
import { PeriodicTask } from '../lib/periodic-task.ts'
import type { ShutdownStack } from '../lib/shutdown-stack.ts'
import type { Sql } from '../postgres/database.ts'
import { Deliverer } from './deliverer.ts'
import { GuardedRequests } from './guarded-request.ts'
import type { WebhookMeter } from './metrics.ts'
import { WebhookEndpoints } from './webhook-endpoints.ts'
import { WebhookNotices } from './webhook-notices.ts'
import { WebhookQueue } from './webhook-queue.ts'
import { WebhookSink } from './webhook-sink.ts'

export interface WebhooksOptions {
  sql: Sql
  /** Ids of events begin with it. */
  epoch: string
  /** See `WEBHOOK_ALLOW_PRIVATE`. */
  allowPrivate: boolean
  /** Requests at the same time to one endpoint. See `WEBHOOK_CONCURRENCY`. Default 64. */
  concurrency?: number
  /** The requests that this process has answered. */
  answered?: (() => number) | undefined
  meter: WebhookMeter
  log: Pick<Logger, 'warn' | 'info'>
  /** Tells admins which webhooks have changed. Default: nobody is told. */
  announce?: (notices: readonly AdminNotice[]) => void
}

/** What routes need of webhooks. */
export interface Webhooks {
  endpoints: Omit<WebhookEndpoints, 'totals'>
  sink: Pick<WebhookSink, 'test'>
  /** Ids of a tenant's events begin with it. */
  epochOf(tenant: string): string
  allowPrivate: boolean
  /** Looks for work now, if this process sends. */
  wake(): void
}

const TIDY_EVERY_MS = 600_000

/** Of each endpoint. */
const ATTEMPTS_KEPT = 5000

/** No attempt is planned for later than this. */
const LATEST_ATTEMPT_HOURS = 4

/** Webhooks of this process. It sends only once `start` is called. */
export function createWebhooks(
  { sql, epoch, allowPrivate, concurrency = 64, meter, log, ...rest }: WebhooksOptions,
  releases: ShutdownStack,
): Webhooks & { endpoints: WebhookEndpoints; start(): void } {
  const { announce = () => {}, answered } = rest
  const requests = new GuardedRequests({ allowPrivate, keptConnections: concurrency })
  releases.add(async () => requests.close())
  const sink = new WebhookSink(requests, epoch)
  const notices = new WebhookNotices(announce)
  releases.add(async () => notices.close())
  const onChanged = (tenant: string, id: string) => notices.changed(tenant, id)
  const deliverer = new Deliverer({
    store: new WebhookQueue(sql, { perEndpoint: concurrency, onAttempts: onChanged }),
    ...{ sink, log, meter, name: 'webhooks', perReceiver: concurrency, answered },
  })
  const tidying = new PeriodicTask(
    async () => {
      await sql`select webhook_tidy(${ATTEMPTS_KEPT}, make_interval(hours => ${LATEST_ATTEMPT_HOURS}))`
    },
    { log, name: 'deleting attempts of webhooks', intervalMs: TIDY_EVERY_MS },
  )
  return {
    endpoints: new WebhookEndpoints(sql, onChanged),
    ...{ sink, allowPrivate },
    epochOf: () => epoch,
    wake: () => deliverer.wake(),
    start() {
      releases.add(() => deliverer.stop())
      releases.add(() => tidying.stop())
      deliverer.start()
      tidying.start()
    },
  }
}
