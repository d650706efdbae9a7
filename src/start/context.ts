import type { Config } from '../config/config.ts'
import { PushMeter, WebhookMeter } from '../deliveries/metrics.ts'
import { RequestMeter } from '../http/middleware/observe.ts'
import { LedgerMeter } from '../ledger/observer.ts'
import type { Logger } from '../lib/log.ts'
import type { ShutdownStack } from '../lib/shutdown-stack.ts'
import type { Tracing } from '../observability/tracing.ts'
import { PublishMeter } from '../realtime/metrics.ts'
import type { WorkerLink } from '../workers/worker-link.ts'

/** Given to every part of the server. */
export interface Context {
  config: Config
  log: Logger
  releases: ShutdownStack
  tracing: Tracing | undefined
  meters: ReturnType<typeof createMeters>
  worker: WorkerLink | undefined
}

export function createMeters() {
  return {
    requests: new RequestMeter(),
    ledger: new LedgerMeter(),
    publishing: new PublishMeter(),
    webhooks: new WebhookMeter(),
    push: new PushMeter(),
    cacheReads: { hits: 0, misses: 0 },
  }
}
