import type { PostgresEventStore } from '../ledger/event-store.ts'
import { withTimeout } from '../lib/timeout.ts'
import type { Sql } from '../postgres/database.ts'
import type { Bus } from '../realtime/bus/bus.ts'
import type { Gateway } from '../realtime/gateway.ts'
import { EventMeter } from '../realtime/metrics.ts'
import type { SystemState } from '../routes/deps.ts'

const POSTGRES_TIMEOUT_MS = 2_000

export interface SystemParts {
  version: string
  sql: Sql
  outbox: Pick<PostgresEventStore, 'backlog'>
  bus: Pick<Bus, 'kind' | 'link' | 'listen'>
  gateway: Pick<Gateway, 'health' | 'users' | 'connections'>
}

/** Makes the answer of `GET /admin/system`. It counts events from this call on. */
export function createSystemStatus({ version, sql, outbox, bus, gateway }: SystemParts) {
  const meter = new EventMeter()
  bus.listen({ message: () => meter.mark(), link: () => {} })

  return async (): Promise<SystemState> => {
    const started = performance.now()
    const [latencyMs, backlog] = await Promise.all([
      orNull(sql`select 1`.then(() => performance.now() - started)),
      orNull(outbox.backlog()),
    ])
    const { health } = gateway
    const { link } = bus
    return {
      version,
      uptimeSeconds: Math.floor(process.uptime()),
      memoryBytes: process.memoryUsage().rss,
      connections: gateway.connections.counts,
      users: gateway.users,
      events: meter.read(),
      outbox: backlog,
      postgres: { ok: latencyMs !== null, latencyMs },
      redis: { ok: link.state === 'live', kind: bus.kind, ...link },
      stream: { ok: health.state === 'live', ...health },
    }
  }
}

/** Null if Postgres does not answer, or not in time. */
function orNull<T>(answer: Promise<T>): Promise<T | null> {
  return withTimeout(answer, POSTGRES_TIMEOUT_MS, () => null).catch(() => null)
}
