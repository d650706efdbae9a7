import { withTimeout } from '../lib/timeout.ts'
import type { ReplicaState } from '../postgres/replicas.ts'
import type { SchemaCheck } from '../postgres/schema-check.ts'
import type { Gateway } from '../realtime/gateway.ts'
import type { Check, Health } from '../routes/deps.ts'
import type { EventLoopWatch } from './event-loop-watch.ts'

/** A client gives up if the event loop does not get to its request for this long. */
const MAX_BLOCKED_MS = 3_000

/**
 * Decides whether this process may live on. A process that hangs for good does not answer at all. One whose
 * event loop blocks again and again fails here, for ten seconds each time. Nothing outside of the process
 * counts, because a restart would not repair it.
 */
export function createLivenessCheck(watch: Pick<EventLoopWatch, 'longestMs'>): () => Health {
  return () => {
    const blockedMs = watch.longestMs
    const ok = blockedMs < MAX_BLOCKED_MS
    const reason = `the event loop was held up for ${(blockedMs / 1000).toFixed(1)} s`
    return { ok, checks: { eventLoop: ok ? { ok } : { ok, reason } } }
  }
}

const POSTGRES_TIMEOUT_MS = 2_000

export interface ReadinessOptions {
  /** The reason why the server has more rights in the database than it needs. Undefined if it does not. */
  unguarded?: string | undefined
  /** Tries a write like that of a payment. Returns why Postgres refuses it. Default: no write is tried. */
  tryWrite?: () => Promise<string | undefined>
  /** In the order of TENANT_DATABASES; undefined: not reached yet. Default: there are none. */
  tenantDatabases?: (() => readonly (DatabaseChecks | undefined)[]) | undefined
  /** In the order of DATABASE_REPLICA_URL. Default: there are none. */
  replicas?: (() => readonly Pick<ReplicaState, 'problem'>[]) | undefined
  /** The server processes of this port. Default: this one alone. */
  workers?: (() => WorkersHealth) | undefined
}

interface DatabaseChecks {
  read: SchemaCheck['read']
  tryWrite(): Promise<string | undefined>
}

interface WorkersHealth {
  up: number
  wanted: number
  /** Another process takes the place of this one, and has the port. */
  replaced: boolean
}

const RECONCILING = 'comparing the streams with Postgres'

/**
 * Decides whether this process should get traffic. It should not while Postgres is unavailable or has a schema
 * that this program cannot use, while the process drains, or while messages do not arrive or the streams are
 * not reconciled yet. Redis being unavailable is no reason: every process would leave at once, although each
 * can serve from Postgres. A newer schema is none either: processes of the old version serve during an upgrade.
 */
export function createReadinessCheck(
  schema: Pick<SchemaCheck, 'read'>,
  gateway: Pick<Gateway, 'health'>,
  {
    unguarded,
    tryWrite = async () => undefined,
    tenantDatabases,
    replicas,
    workers,
  }: ReadinessOptions = {},
): () => Promise<Health> {
  let asking: Promise<[PostgresChecks, string | undefined]> | undefined
  return async () => {
    // Anybody may ask as often as they like. Postgres gets one query at a time.
    asking ??= Promise.all([
      askPostgres({ read: () => schema.read(), tryWrite }),
      tenantDatabases && databaseReport(tenantDatabases()),
    ]).finally(() => {
      asking = undefined
    })
    const [postgres, report] = await asking
    const { state, reason = state === 'reconciling' ? RECONCILING : undefined } = gateway.health
    const draining = state === 'draining'
    const checks: Record<string, Check> = {
      ...postgres,
      stream: draining ? { ok: true } : check(state === 'live' || state === 'disconnected', reason),
      process: draining ? check(workers?.().replaced === true, reason) : { ok: true },
      // Only their own tenants wait.
      ...(tenantDatabases && { tenantDatabases: check(true, report) }),
      // Without any of them the primary reads.
      ...(replicas && { replicas: check(true, replicaReport(replicas())) }),
      // Not a failure either: the workers that are up serve.
      ...(workers && { workers: check(true, `${workers().up} of ${workers().wanted} are up`) }),
      // Not a failure, because the operator may be unable to change it.
      ...(unguarded !== undefined && { appRole: check(true, unguarded) }),
    }
    return { ok: Object.values(checks).every(({ ok }) => ok), checks }
  }
}

/** By their places: anyone may read it, and the names of hosts are nobody's business. */
function replicaReport(replicas: readonly Pick<ReplicaState, 'problem'>[]): string | undefined {
  const problems = replicas.flatMap(({ problem }, i) =>
    problem === undefined ? [] : `replica ${i + 1} ${problem.replace(/^it /, '')}`,
  )
  if (problems.length === 0) return undefined
  const taking = `${replicas.length - problems.length} of ${replicas.length} take reads`
  return `${taking}: ${problems.join(', ')}`
}

interface PostgresChecks {
  postgres: Check
  migrations: Check
}

/** By their places, as replicas. */
async function databaseReport(
  databases: readonly (DatabaseChecks | undefined)[],
): Promise<string | undefined> {
  const problems = await Promise.all(
    databases.map(async (database, i) => {
      if (!database) return [`database ${i + 1} cannot be reached`]
      const { postgres, migrations } = await askPostgres(database)
      const { reason } = postgres.ok ? migrations : postgres
      return reason === undefined ? [] : [`database ${i + 1}: ${reason}`]
    }),
  )
  return problems.flat().join(', ') || undefined
}

async function askPostgres({ read, tryWrite }: DatabaseChecks): Promise<PostgresChecks> {
  try {
    const [{ ok, reason }, refusal] = await withTimeout(
      Promise.all([read(), tryWrite()]),
      POSTGRES_TIMEOUT_MS,
      () => {
        throw new Error('Postgres did not answer in time')
      },
    )
    return { postgres: check(refusal === undefined, refusal), migrations: check(ok, reason) }
  } catch {
    return {
      postgres: check(false, 'Postgres does not answer'),
      migrations: check(false, 'not known while Postgres does not answer'),
    }
  }
}

function check(ok: boolean, reason: string | undefined): Check {
  return reason === undefined ? { ok } : { ok, reason }
}
