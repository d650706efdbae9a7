/** The result of one check. Anyone may see the `reason`. */
export interface Check {
  ok: boolean
  reason?: string
}

/** The results of all checks. */
export interface Health {
  ok: boolean
  checks: Record<string, Check>
}

/** The state of one process and of the services that it uses. Every `reason` may be shown to an admin. */
export interface ProcessState {
  /** Of this run of the process. */
  id: string
  /** The name of its machine or container. */
  host: string
  version: string
  uptimeSeconds: number
  memoryBytes: number
  /** The longest time in the last ten seconds in which it did nothing else than one thing. */
  eventLoopDelayMs: number
  /** Open streams of this process by transport, and the number of their users. */
  connections: Record<string, number>
  users: number
  /** Events that it received: the average of the last ten seconds, and each second, newest last. */
  events: { perSecond: number; recent: number[]; total: number }
  postgres: { ok: boolean; latencyMs: number | null }
  redis: { ok: boolean; kind: 'redis' | 'memory'; state: string; reason?: string }
  stream: { ok: boolean; state: string; reason?: string }
}

/** A process as another one sees it. */
export interface SeenProcess extends ProcessState {
  /** `gone`: it was killed, or cannot reach Redis. */
  state: 'live' | 'gone'
  /** Since it last told its state. */
  seenSecondsAgo: number
  /** It is the one that answers. */
  isThis: boolean
}

/** What an admin of a tenant is told: no host, no process, and nothing of other tenants. */
export interface TenantState {
  scope: 'tenant'
  version: string
  /** The tenant's open streams at all processes, up to 10 s late; null while Postgres cannot say. */
  connections: number | null
  /** Whether money can move. */
  payments: Check
  /** Whether events arrive as they happen. */
  events: Check
}

/** What an operator is told: the process that answers, and the whole installation. */
export interface InstallationState extends ProcessState {
  scope: 'installation'
  /** Committed and not yet confirmed as published; null while Postgres cannot say. */
  outbox: { rows: number; oldestSeconds: number } | null
  cluster: {
    /** Why the others are not known. */
    reason?: string
    /** This one first, then by host. */
    processes: SeenProcess[]
    /** Sums over the processes that are live. A user of two processes counts twice. */
    live: number
    connections: Record<string, number>
    users: number
  }
}

export type SystemState = TenantState | InstallationState
