import type { Overview } from '../ledger/overview.ts'
import type { Sql } from '../postgres/database.ts'
import type { Bus } from '../realtime/bus/bus.ts'
import { EventMeter } from '../realtime/event-meter.ts'
import type { Gateway } from '../realtime/gateway.ts'
import type { SystemState } from '../routes/deps.ts'

/** Milliseconds that Postgres gets to answer. */
const PATIENCE = 2_000

export interface SystemParts {
  version: string
  sql: Sql
  overview: Overview
  bus: Pick<Bus, 'kind' | 'link' | 'listen'>
  gateway: Pick<Gateway, 'health' | 'users' | 'connections'>
}

/** What `GET /admin/system` tells. Counts events from now on. */
export function systemOf({ version, sql, overview, bus, gateway }: SystemParts) {
  const meter = new EventMeter()
  bus.listen({ message: () => meter.mark(), link: () => {} })

  return async (): Promise<SystemState> => {
    const started = performance.now()
    const [latencyMs, outbox] = await Promise.all([
      within(sql`select 1`.then(() => performance.now() - started)),
      within(overview.backlog()),
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
      outbox,
      postgres: { ok: latencyMs !== null, latencyMs },
      redis: { ok: link.state === 'live', kind: bus.kind, ...link },
      stream: { ok: health.state === 'live', ...health },
    }
  }
}

/** Null when it fails, or takes too long. */
async function within<T>(answer: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, PATIENCE, null)
  })
  try {
    return await Promise.race([answer, late])
  } catch {
    return null
  } finally {
    clearTimeout(timer)
  }
}
