import type { Logger } from '../lib/log.ts'
import { PeriodicTask } from '../lib/periodic-task.ts'
import type { TenantStore } from './tenant-store.ts'

export interface ActivityOptions {
  store: Pick<TenantStore, 'report'>
  /** A UUID of this run of the process. */
  process: string
  log: Pick<Logger, 'warn' | 'info'>
  /** Requests by tenant since the last call. */
  requests(): ReadonlyMap<string, number>
  /** Open streams by tenant. */
  connections(): ReadonlyMap<string, number>
  /** Default 10 s. Streams that were not reported for 30 s do not count any more. */
  intervalMs?: number
}

/**
 * Reports how much each tenant uses this process, for `GET /platform/tenants/:id/usage`. A process without requests and
 * streams writes nothing. While the database is unavailable, requests are not counted.
 */
export function createActivity({
  intervalMs = 10_000,
  process,
  ...options
}: ActivityOptions): PeriodicTask {
  let hadConnections = false
  return new PeriodicTask(
    async () => {
      const requests = options.requests()
      const connections = options.connections()
      if (requests.size === 0 && connections.size === 0 && !hadConnections) return
      hadConnections = connections.size > 0
      await options.store.report(process, requests, connections)
    },
    { log: options.log, name: 'reporting the use by tenants', intervalMs },
  )
}
