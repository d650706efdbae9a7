import { withTimeout } from '../lib/timeout.ts'
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
  { unguarded, tryWrite = async () => undefined }: ReadinessOptions = {},
): () => Promise<Health> {
  let asking: Promise<PostgresChecks> | undefined
  return async () => {
    // Anybody may ask as often as they like. Postgres gets one query at a time.
    asking ??= askPostgres(schema, tryWrite).finally(() => {
      asking = undefined
    })
    const postgres = await asking
    const { state, reason = state === 'reconciling' ? RECONCILING : undefined } = gateway.health
    const draining = state === 'draining'
    const checks: Record<string, Check> = {
      ...postgres,
      stream: draining ? { ok: true } : check(state === 'live' || state === 'disconnected', reason),
      process: draining ? check(false, reason) : { ok: true },
      // Not a failure, because the operator may be unable to change it.
      ...(unguarded !== undefined && { appRole: check(true, unguarded) }),
    }
    return { ok: Object.values(checks).every(({ ok }) => ok), checks }
  }
}

interface PostgresChecks {
  postgres: Check
  migrations: Check
}

async function askPostgres(
  schema: Pick<SchemaCheck, 'read'>,
  tryWrite: () => Promise<string | undefined>,
): Promise<PostgresChecks> {
  try {
    const [{ ok, reason }, refusal] = await withTimeout(
      Promise.all([schema.read(), tryWrite()]),
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
