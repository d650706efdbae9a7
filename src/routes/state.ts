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

/** The state of this process and of the services that it uses. Every `reason` may be shown to an admin. */
export interface SystemState {
  version: string
  uptimeSeconds: number
  memoryBytes: number
  /** Open streams of this process by transport, and the number of their users. */
  connections: Record<string, number>
  users: number
  /** Events that this process received: the average of the last ten seconds, and each second, newest last. */
  events: { perSecond: number; recent: number[]; total: number }
  /** Committed and not yet confirmed as published; null while Postgres cannot say. */
  outbox: { rows: number; oldestSeconds: number } | null
  postgres: { ok: boolean; latencyMs: number | null }
  redis: { ok: boolean; kind: 'redis' | 'memory'; state: string; reason?: string }
  stream: { ok: boolean; state: string; reason?: string }
}
