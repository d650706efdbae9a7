import type { Sql } from './ledger/database.ts'
import type { Gateway } from './realtime/gateway.ts'
import type { Readiness } from './routes/deps.ts'

/** Milliseconds that Postgres gets to answer. */
const PATIENCE = 2_000

/**
 * Should this process get traffic? Not while Postgres is away, the process drains, or its subscription is
 * deaf or not yet reconciled. Redis being away is no reason: every process would leave at once, and each
 * still serves, from Postgres.
 */
export function readinessOf(sql: Sql, gateway: Pick<Gateway, 'health'>): () => Promise<Readiness> {
  return async () => {
    const { state, reason } = gateway.health
    const postgres = await answers(sql)
    const stream = state === 'live' || state === 'away'
    return {
      ready: postgres && stream,
      checks: {
        postgres: postgres ? { ok: true } : { ok: false, reason: 'Postgres does not answer' },
        stream: reason === undefined ? { ok: stream } : { ok: stream, reason },
      },
    }
  }
}

async function answers(sql: Sql): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, PATIENCE, false)
  })
  try {
    return await Promise.race([sql`select 1`.then(() => true), late])
  } catch {
    return false
  } finally {
    clearTimeout(timer)
  }
}
