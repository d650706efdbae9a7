import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Principal } from '../auth/principal.ts'
import type { PostgresEventStore } from '../ledger/event-store.ts'
import type { Logger } from '../lib/log.ts'
import { PeriodicTask } from '../lib/periodic-task.ts'
import { withTimeout } from '../lib/timeout.ts'
import type { Sql } from '../postgres/database.ts'
import type { Bus, ToldState } from '../realtime/bus/bus.ts'
import type { Gateway } from '../realtime/gateway.ts'
import { EventMeter } from '../realtime/metrics.ts'
import type {
  Check,
  InstallationState,
  ProcessState,
  SeenProcess,
  SystemState,
  TenantState,
} from '../routes/state.ts'
import type { EventLoopWatch } from './event-loop-watch.ts'

const TIMEOUT_MS = 2_000

/** How often a process tells the others its state. */
const TELL_EVERY_MS = 3_000

/** How often those who watch the state of the system get it. */
const PUSH_EVERY_MS = 2_000

/** Events are late when the oldest waits for longer. They are usually published within milliseconds. */
const LATE_SECONDS = 5

/** A process that told nothing for so long is gone. */
const GONE_SECONDS = 12

export interface SystemParts {
  version: string
  sql: Sql
  /** Of a tenant's database, or of all together. */
  outbox: { backlog(tenant?: string): ReturnType<PostgresEventStore['backlog']> }
  bus: Pick<Bus, 'kind' | 'link' | 'listen' | 'processes'>
  gateway: Pick<Gateway, 'health' | 'users' | 'connections' | 'admins'>
  watch: Pick<EventLoopWatch, 'longestMs'>
  log: Pick<Logger, 'warn' | 'info'>
  /** A tenant's open streams at the other processes. */
  connectionsElsewhere(tenant: string): Promise<number>
}

type Caller = Pick<Principal, 'tenant' | 'isOperator'>

/**
 * Makes the answer of `GET /admin/system`, also for the admins whose stream asks for `system_state`, and tells the other
 * processes the state of this one. It counts events from this call on.
 */
export class SystemStatus {
  readonly #parts: SystemParts
  readonly #meter = new EventMeter()
  readonly #id = randomBytes(6).toString('hex')
  readonly #telling: PeriodicTask
  readonly #pushing: PeriodicTask

  constructor(parts: SystemParts) {
    this.#parts = parts
    parts.bus.listen({ message: () => this.#meter.mark(), link: () => {} })
    this.#telling = new PeriodicTask(() => this.#tell(), {
      log: parts.log,
      name: 'telling other processes the state of this one',
      intervalMs: TELL_EVERY_MS,
    })
    this.#pushing = new PeriodicTask(() => this.#push(), {
      log: parts.log,
      name: 'telling admins the state of the system',
      intervalMs: PUSH_EVERY_MS,
    })
  }

  /** Call it when requests are served. */
  start(): void {
    this.#telling.start()
    this.#pushing.start()
  }

  async stop(): Promise<void> {
    await Promise.all([this.#telling.stop(), this.#pushing.stop()])
    await withTimeout(
      this.#parts.bus.processes.forget(this.#id),
      TIMEOUT_MS,
      () => undefined,
    ).catch(() => {
      // The others see that it is gone.
    })
  }

  /** An operator is told of the whole installation, an admin of the tenant. */
  read = (caller: Caller): Promise<SystemState> =>
    caller.isOperator ? this.#installation() : this.#tenant(caller.tenant)

  async #tenant(tenant: string): Promise<TenantState> {
    const { version, outbox, gateway, connectionsElsewhere } = this.#parts
    const [elsewhere, backlog] = await Promise.all([
      orNull(connectionsElsewhere(tenant)),
      orNull(outbox.backlog(tenant)),
    ])
    const here = gateway.connections.byTenant.get(tenant) ?? 0
    return {
      ...{ scope: 'tenant', version },
      connections: elsewhere === null ? null : here + elsewhere,
      payments: check(backlog === null && 'The database does not answer, so no money can move.'),
      events: check(whyLate(gateway.health.state, backlog?.oldestSeconds)),
    }
  }

  async #installation(): Promise<InstallationState> {
    const { outbox, bus } = this.#parts
    const [own, backlog, told] = await Promise.all([
      this.#own(),
      orNull(outbox.backlog()),
      orNull(bus.processes.all()),
    ])
    const others = (told ?? []).flatMap((one) => (one.id === this.#id ? [] : seen(one)))
    others.sort((a, b) => (`${a.host} ${a.id}` < `${b.host} ${b.id}` ? -1 : 1))
    const processes: SeenProcess[] = [
      { ...own, state: 'live', seenSecondsAgo: 0, isThis: true },
      ...others,
    ]
    const reason = { reason: 'Redis does not answer, so the other processes are not known.' }
    return {
      ...own,
      scope: 'installation',
      outbox: backlog,
      cluster: { ...(told === null && reason), processes, ...sums(processes) },
    }
  }

  async #tell(): Promise<void> {
    const { processes } = this.#parts.bus
    const told = processes.tell(this.#id, JSON.stringify(await this.#own()))
    await withTimeout(told, TIMEOUT_MS, () => {
      throw new Error('Redis did not answer in time')
    })
  }

  /** One reading serves all admins of a tenant, and all operators. */
  async #push(): Promise<void> {
    const readings = new Map<string, SystemState>()
    for (const { admin, tell } of this.#parts.gateway.admins.asking('system_state')) {
      const key = admin.isOperator ? '' : admin.tenant
      const state = readings.get(key) ?? (await this.read(admin))
      readings.set(key, state)
      tell(state)
    }
  }

  async #own(): Promise<ProcessState> {
    const { version, sql, bus, gateway, watch } = this.#parts
    const started = performance.now()
    const latencyMs = await orNull(sql`select 1`.then(() => performance.now() - started))
    const { health } = gateway
    const { link } = bus
    return {
      ...{ id: this.#id, host: hostname(), version },
      uptimeSeconds: Math.floor(process.uptime()),
      memoryBytes: process.memoryUsage().rss,
      eventLoopDelayMs: Math.round(watch.longestMs),
      connections: gateway.connections.counts,
      users: gateway.users,
      events: this.#meter.read(),
      postgres: { ok: latencyMs !== null, latencyMs },
      redis: { ok: link.state === 'live', kind: bus.kind, ...link },
      stream: { ok: health.state === 'live', ...health },
    }
  }
}

const check = (reason: string | false | undefined): Check =>
  reason ? { ok: false, reason } : { ok: true }

/** In words for people who know nothing of the installation. */
function whyLate(state: Gateway['health']['state'], oldestSeconds = 0): string | undefined {
  if (state === 'reconciling') return 'Streams are being compared with the ledger after a failure.'
  if (state === 'disconnected' || state === 'stalled')
    return 'Events come a few seconds late, because they are read from the database.'
  if (oldestSeconds <= LATE_SECONDS) return undefined
  return `Events come ${Math.round(oldestSeconds)} seconds late.`
}

/** Nothing of a text that no process of this version wrote. */
function seen({ text, ageSeconds }: ToldState): SeenProcess[] {
  try {
    const state = JSON.parse(text) as ProcessState
    const { id, host, version, connections, users, events, postgres, redis, stream } = state
    const { uptimeSeconds, memoryBytes, eventLoopDelayMs } = state
    if (!connections || !events || !postgres || !redis || !stream) return []
    return [
      {
        ...{ id, host, version, uptimeSeconds, memoryBytes, eventLoopDelayMs },
        ...{ connections, users, events, postgres, redis, stream },
        state: ageSeconds > GONE_SECONDS ? 'gone' : 'live',
        seenSecondsAgo: Math.round(ageSeconds),
        isThis: false,
      },
    ]
  } catch {
    return []
  }
}

function sums(processes: readonly SeenProcess[]) {
  const live = processes.filter(({ state }) => state === 'live')
  const connections: Record<string, number> = {}
  for (const one of live) {
    for (const [transport, count] of Object.entries(one.connections)) {
      connections[transport] = (connections[transport] ?? 0) + count
    }
  }
  return {
    live: live.length,
    connections,
    users: live.reduce((sum, { users }) => sum + users, 0),
  }
}

/** Null if there is no answer, or not in time. */
function orNull<T>(answer: Promise<T>): Promise<T | null> {
  return withTimeout(answer, TIMEOUT_MS, () => null).catch(() => null)
}
