import { epochOf } from '../ledger/event-store.ts'
import { sleep } from '../lib/timeout.ts'
import { connect, type Sql } from '../postgres/database.ts'
import { asUnavailable, isTransient } from '../postgres/errors.ts'
import { standing } from '../postgres/migrate.ts'

/** A database that tenants may live in. */
export interface Place {
  /** As in logs and metrics. */
  name: string
  /** As the owner of the tables. */
  url: string
}

/** A tenant cannot be moved so. The message is for an operator, `code` for programs. */
export class MoveError extends Error {
  override readonly name = 'MoveError'
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** A row of `tenant_moves`. */
export interface MoveRow {
  id: string
  direction: 'away' | 'here'
  peer: string
  fenced: boolean
  switched: boolean
  purged: boolean
}

/** A database, and what it says of a tenant. */
export interface Site {
  name: string
  isMain: boolean
  sql: Sql
  epoch: string
  /** Of `tenant_homes`. Undefined: it does not say. */
  here: boolean | undefined
  move: MoveRow | undefined
}

/** Sessions of one move with each database: for a long transaction, and for what goes on beside it. */
const SESSIONS = 2

/**
 * Opens databases and reads what each says of a tenant.
 * @param places the main one first
 * @throws MoveError if one is not at the version of this program, or is there twice
 */
export async function openSites(tenant: string, places: readonly Place[]): Promise<Site[]> {
  const sessions = places.map(({ url }) => connect(url, { max: SESSIONS }))
  try {
    const sites = await Promise.all(
      places.map(async ({ name }, i): Promise<Site> => {
        const sql = sessions[i] as Sql
        try {
          await ensureCurrent(name, sql)
          const epoch = await epochOf(sql)
          return { name, isMain: i === 0, sql, epoch, ...(await said(sql, tenant)) }
        } catch (error) {
          throw reached(name, error)
        }
      }),
    )
    for (const [i, site] of sites.entries()) {
      const same = sites.slice(0, i).find(({ epoch }) => epoch === site.epoch)
      if (!same) continue
      throw new MoveError(
        'same_database',
        `${same.name} and ${site.name} are the same database, or one is a copy of the other: \`livebalance epoch renew\` tells copies apart`,
      )
    }
    return sites
  } catch (error) {
    await Promise.all(sessions.map((sql) => sql.end({ timeout: 1 })))
    throw error
  }
}

export async function closeSites(sites: readonly Site[]): Promise<void> {
  await Promise.all(sites.map(({ sql }) => sql.end({ timeout: 1 })))
}

/** Says which database it was, where it cannot be reached. */
export function reached(name: string, error: unknown): unknown {
  if (!asUnavailable(error)) return error
  const why = error instanceof Error ? error.message : String(error)
  return new MoveError('unavailable', `${name} cannot be reached: ${why}`, { cause: error })
}

async function ensureCurrent(name: string, sql: Sql): Promise<void> {
  if ((await standing(sql)) === 'current') return
  throw new MoveError(
    'not_migrated',
    `${name} is not at the version of this program: run \`livebalance migrate\`, or the move with --prepare, or use the program of that version`,
  )
}

/** What a database says of a tenant. */
export async function said(sql: Sql, tenant: string): Promise<Pick<Site, 'here' | 'move'>> {
  const [row] = await sql<{ here: boolean | null; move: MoveRow | null }[]>`
    select (select here from tenant_homes where tenant = ${tenant}) as here,
      (select json_build_object('id', id, 'direction', direction, 'peer', peer, 'fenced', fenced_at is not null,
          'switched', switched_at is not null, 'purged', purged_at is not null)
        from tenant_moves where tenant = ${tenant}) as move`
  return { here: row?.here ?? undefined, move: row?.move ?? undefined }
}

/** Whether the tenant lives there, and is not on its way to elsewhere. */
export function livesAt({ isMain, here, move }: Site): boolean {
  return (here ?? isMain) && move?.direction !== 'away'
}

/** Whether the tenant is on its way from there. */
export function isLeaving({ here, isMain, move }: Site): boolean {
  return (here ?? isMain) && move?.direction === 'away'
}

/** So often a short lock is tried. Each attempt waits half a second at most, and lets others pass before the next one. */
const ATTEMPTS = 40
const RETRY_MS = 250

/** Repeats what needs a lock that others may keep. */
export async function patiently<T>(change: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted()
    try {
      return await change()
    } catch (error) {
      if (!isTransient(error)) throw error
      if (attempt === ATTEMPTS) {
        throw new MoveError('busy', 'a long transaction keeps tables of the ledger locked', {
          cause: error,
        })
      }
      await sleep(RETRY_MS, signal ? { signal } : {})
    }
  }
}
