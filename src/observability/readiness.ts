import type { SchemaCheck } from '../postgres/schema-check.ts'
import type { Gateway } from '../realtime/gateway.ts'
import type { Check, Health } from '../routes/deps.ts'

/** Milliseconds that Postgres gets to answer. */
const PATIENCE = 2_000

export interface ReadinessOptions {
  /** Why the server works with more rights in the database than it needs; undefined: it does not. */
  unguarded?: string | undefined
  /** Tries a write as a payment would make it, and says why it is refused. Default: nothing is tried. */
  tryWrite?: () => Promise<string | undefined>
}

const RECONCILING = 'comparing the streams with Postgres'

/**
 * Should this process get traffic? Not while Postgres is away or holds another schema than this program
 * needs, the process drains, or its subscription is deaf or not yet reconciled. Redis being away is no
 * reason: every process would leave at once, and each still serves, from Postgres. Nor is a schema that is
 * newer: during an upgrade those of the old version serve on.
 */
export function readinessOf(
  schema: Pick<SchemaCheck, 'read'>,
  gateway: Pick<Gateway, 'health'>,
  { unguarded, tryWrite = async () => undefined }: ReadinessOptions = {},
): () => Promise<Health> {
  let asking: Promise<Pick<Health['checks'], 'postgres' | 'migrations'>> | undefined
  return async () => {
    // Anyone may ask, as often as they like: Postgres hears one question at a time.
    asking ??= askPostgres(schema, tryWrite).finally(() => {
      asking = undefined
    })
    const stored = await asking
    const { state, reason = state === 'reconciling' ? RECONCILING : undefined } = gateway.health
    const draining = state === 'draining'
    const checks: Record<string, Check> = {
      ...stored,
      stream: draining ? { ok: true } : check(state === 'live' || state === 'away', reason),
      process: draining ? check(false, reason) : { ok: true },
      // It serves all the same: whoever runs it may not have the choice.
      ...(unguarded !== undefined && { appRole: check(true, unguarded) }),
    }
    return { ok: Object.values(checks).every(({ ok }) => ok), checks }
  }
}

async function askPostgres(
  schema: Pick<SchemaCheck, 'read'>,
  tryWrite: () => Promise<string | undefined>,
): Promise<{ postgres: Check; migrations: Check }> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('late')), PATIENCE)
  })
  try {
    const asked = Promise.all([schema.read(), tryWrite()])
    const [{ ok, reason }, refusal] = await Promise.race([asked, late])
    return { postgres: check(refusal === undefined, refusal), migrations: check(ok, reason) }
  } catch {
    return {
      postgres: check(false, 'Postgres does not answer'),
      migrations: check(false, 'not known while Postgres does not answer'),
    }
  } finally {
    clearTimeout(timer)
  }
}

function check(ok: boolean, reason: string | undefined): Check {
  return reason === undefined ? { ok } : { ok, reason }
}
