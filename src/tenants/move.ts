import { sleep } from '../lib/timeout.ts'
import type { Sql } from '../postgres/database.ts'
import { ensureEmpty, ensureIdsApart, ensureKnown, meetingIds, raiseIds } from './move-checks.ts'
import { copyTenant, measureTenant, type TableSum } from './move-copy.ts'
import {
  closeSites,
  isLeaving,
  livesAt,
  MoveError,
  type MoveRow,
  openSites,
  type Place,
  patiently,
  type Site,
} from './move-state.ts'
import {
  announce,
  drain,
  fence,
  forget,
  leave,
  liftFence,
  take,
  underWay,
  unfinished,
} from './move-steps.ts'

/** What a move does next. `copy` comes once for each table. */
export type MoveStep = 'announce' | 'fence' | 'drain' | 'copy' | 'audit' | 'commit' | 'switch'

export interface MoveOptions {
  tenant: string
  /** All databases that are known, the main one first. The target is one of them. */
  places: readonly Place[]
  /** The name of the target. */
  to: string
  /** Called before each step, with the name of the table for `copy`. */
  onStep?(step: MoveStep, table?: string): void
  /** Ends the move. The source takes writes again, if the target is not the home yet. */
  signal?: AbortSignal
  /** How long to wait until the events of the last commits are published. Default 60 s. */
  drainMs?: number
}

export interface Moved {
  from: string
  to: string
  /** False: it lived there already, and nothing was to do. */
  moved: boolean
  /** Empty if a move before had copied all. */
  tables: TableSum[]
  /** In minor units, as in both databases. */
  money: { currency: string; balance: string; held: string }[]
}

const DRAIN_MS = 60_000

/**
 * Moves a tenant to another database. Every step may be repeated, so a move that was killed goes on, or begins anew, when
 * it is called again. At no moment do both databases take a write of the tenant.
 * @throws MoveError
 */
export async function moveTenant(options: MoveOptions): Promise<Moved> {
  const { tenant, places, to } = options
  const sites = await openSites(tenant, places)
  let source: Site | undefined
  try {
    const target = siteNamed(sites, to)
    const finished = await finishSwitch(sites, tenant)
    source = homeOf(sites, tenant)
    if (source === target) {
      const from = finished?.name ?? target.name
      return { from, to, moved: finished !== undefined, tables: [], money: [] }
    }
    await ensureKnown(tenant, source, sites[0] as Site)
    ensureFree(tenant, source, target)
    await ensureEmpty(tenant, target)
    await ensureIdsApart(tenant, source, target)
    return await move(options, { sites, source, target })
  } catch (error) {
    // What is under way ends with its sessions.
    await closeSites(sites)
    if (source) await giveUp(options, error, [source.name, to])
    // What the stop broke off says less.
    throw options.signal?.aborted ? options.signal.reason : error
  } finally {
    await closeSites(sites)
  }
}

function siteNamed(sites: readonly Site[], name: string): Site {
  const site = sites.find((one) => one.name === name)
  if (site) return site
  throw new MoveError('unknown_database', `there is no database ${name}`)
}

/** Where the tenant lives, or is about to leave. */
function homeOf(sites: readonly Site[], tenant: string): Site {
  const home = sites.find(livesAt) ?? sites.find(isLeaving)
  if (home) return home
  throw new MoveError(
    'home_unknown',
    `${tenant} lives in a database that is not known here: TENANT_DATABASES must name it`,
  )
}

/** @throws MoveError if another move of the tenant is under way, or rows of an earlier time are left */
function ensureFree(tenant: string, source: Site, target: Site): void {
  if (isLeaving(source) && source.move?.peer !== target.epoch) {
    throw new MoveError('under_way', underWay(tenant, source.name))
  }
  const { move } = target
  const isComing = move?.direction === 'here' && !move.switched
  if (isComing && move.peer !== source.epoch) {
    throw new MoveError('under_way', underWay(tenant, target.name))
  }
  if (target.here === true && !isLeaving(target)) {
    throw new MoveError('home_unknown', `both ${source.name} and ${target.name} have ${tenant}`)
  }
}

/** The target has become the home, and the source was not told: the last step of a move that was killed. */
async function finishSwitch(sites: readonly Site[], tenant: string): Promise<Site | undefined> {
  const home = sites.find(livesAt)
  const left = sites.find(
    (site) => site !== home && site.move?.direction === 'away' && site.move.id === home?.move?.id,
  )
  if (!home || !left || left.move?.switched) return undefined
  await leave(left, tenant)
  return left
}

async function move(
  options: MoveOptions,
  { sites, source, target }: { sites: readonly Site[]; source: Site; target: Site },
): Promise<Moved> {
  const { tenant, signal, onStep = () => {}, drainMs = DRAIN_MS } = options
  onStep('announce')
  const id = await announce(tenant, source, target)
  onStep('fence')
  await fence(tenant, { source, id, peer: target.epoch, signal })
  onStep('drain')
  await drain(source.sql, { tenant, drainMs, signal })
  await patiently(() => raiseIds(tenant, source.sql, target.sql), signal)
  const settings = await settingsOf((sites[0] as Site).sql, tenant)
  const done = await source.sql.begin('isolation level repeatable read read only', (from) =>
    target.sql.begin(async (to) => {
      const sql = { from: from as unknown as Sql, to: to as unknown as Sql }
      await take(sql.to, tenant, id)
      const onTable = (table: string) => onStep('copy', table)
      const tables = await copyTenant({ ...{ tenant, onTable, signal }, ...sql })
      if (settings !== null && !target.isMain) {
        await sql.to`select mirror_tenants(${settings}::text::json)`
      }
      onStep('audit')
      signal?.throwIfAborted()
      const money = await sameMoney(sql, tenant)
      await audited(sql.to, tenant)
      await sql.to`
        update tenant_homes set here = true, settled_at = clock_timestamp() where tenant = ${tenant}`
      await sql.to`
        update tenant_moves set switched_at = clock_timestamp() where tenant = ${tenant}`
      signal?.throwIfAborted()
      onStep('commit')
      return { tables, money }
    }),
  )
  onStep('switch')
  await leave(source, tenant, id)
  return { from: source.name, to: target.name, moved: true, ...done }
}

/** As the rows of `mirror_tenants()`. Null: none was ever set. */
async function settingsOf(main: Sql, tenant: string): Promise<string | null> {
  const [row] = await main<{ rows: string | null }[]>`
    select json_agg(t)::text as rows from tenants t where tenant = ${tenant}`
  return row?.rows ?? null
}

/** @throws MoveError if the balances of the target are not those of the source, to the cent */
async function sameMoney({ from, to }: { from: Sql; to: Sql }, tenant: string) {
  const [before, after] = await Promise.all([moneyOf(from, tenant), moneyOf(to, tenant)])
  if (JSON.stringify(before) === JSON.stringify(after)) {
    return after.map(({ currency, balance, held }) => ({ currency, balance, held }))
  }
  throw new MoveError('not_verified', 'the balances in the target are not those of the source')
}

function moneyOf(sql: Sql, tenant: string) {
  return sql<
    { currency: string; balance: string; held: string; credits: string; debits: string }[]
  >`
    select s.currency, sum(s.balance)::text as balance, sum(s.held)::text as held,
      coalesce(sum(e.credits), 0)::text as credits, coalesce(sum(e.debits), 0)::text as debits
    from balance_snapshots s
    left join lateral (
      select sum(e.amount) filter (where e.credit_account = s.account_id) as credits,
        sum(e.amount) filter (where e.debit_account = s.account_id) as debits
      from entries e where e.account_id = s.account_id
    ) e on true
    where s.tenant = ${tenant} group by s.currency order by s.currency`
}

/** @throws MoveError if anything does not add up in the target, hash chains included */
async function audited(to: Sql, tenant: string): Promise<void> {
  const [found] = await to<{ problem: string | null; at: string | null }[]>`
    select d ->> 'problem' as problem, d ->> 'at' as at
    from audit(${tenant}) as a cross join lateral json_array_elements(a.discrepancies) as d
    where json_typeof(a.discrepancies) = 'array' limit 1`
  if (!found) return
  throw new MoveError(
    'audit_failed',
    `the audit of the copy finds: ${found.problem} (${found.at ?? ''}): audit the source first`,
  )
}

/** How long to wait for a session that has not noticed yet that its client is gone. */
const GIVE_UP_MS = 10_000
const GIVE_UP_AGAIN_MS = 100

/** After a failure the source takes writes again, unless the target became the home: then the move has to be ended. */
async function giveUp(options: MoveOptions, error: unknown, names: string[]): Promise<void> {
  if (error instanceof MoveError && ['under_way', 'given_up'].includes(error.code)) return
  const { tenant } = options
  const places = options.places.filter(({ name }, i) => i === 0 || names.includes(name))
  const deadline = performance.now() + GIVE_UP_MS
  for (;;) {
    try {
      await cancelMove({ tenant, places })
      return
    } catch (cause) {
      const code = cause instanceof MoveError ? cause.code : undefined
      if (code === 'no_move') return
      if (code === 'under_way' && performance.now() < deadline) {
        await sleep(GIVE_UP_AGAIN_MS)
        continue
      }
      const until = code === 'switched' ? 'until it' : 'until it, or the same with --cancel,'
      throw new MoveError(
        'unfinished',
        `the move of ${tenant} failed and was not given up: ${until} is called again, writes of the tenant get 503`,
        { cause: error },
      )
    }
  }
}

/**
 * Gives a move up that is under way: the source takes writes again.
 * @throws MoveError if there is none, or if the target has become the home already
 */
export async function cancelMove({
  tenant,
  places,
}: Pick<MoveOptions, 'tenant' | 'places'>): Promise<{ home: string }> {
  const sites = await openSites(tenant, places)
  try {
    const source = sites.find(isLeaving)
    const target = sites.find(({ move }) => move?.direction === 'here' && !move.switched)
    const switched = source && sites.find(livesAt)
    if (switched) {
      throw new MoveError(
        'switched',
        `${tenant} lives in ${switched.name} already: call the move again to end it`,
      )
    }
    if (!source && !target) throw new MoveError('no_move', `no move of ${tenant} is under way`)
    if (source && !target && !isKnown(sites, source.move)) {
      throw new MoveError(
        'home_unknown',
        'the database that the tenant was to move to is not known here: name it with --to',
      )
    }
    // The target first: a process that copies now finds its move gone, and cannot end it.
    if (target) await forget(target, tenant)
    if (source) await liftFence(source.sql, tenant)
    return { home: (source ?? sites.find(livesAt) ?? (sites[0] as Site)).name }
  } finally {
    await closeSites(sites)
  }
}

const isKnown = (sites: readonly Site[], move: MoveRow | undefined) =>
  sites.some(({ epoch }) => epoch === move?.peer)

export interface Preview {
  from: string
  to: string
  tables: { table: string; rows: number; bytes: number }[]
  /** Ids that the target has given to others: it must be 0. */
  meetingIds: number
  /** Commits whose events are not published yet. */
  unpublished: number
}

/**
 * What a move would do, without any change.
 * @throws MoveError as the move itself, but not for ids that meet
 */
export async function previewMove(
  options: Pick<MoveOptions, 'tenant' | 'places' | 'to'>,
): Promise<Preview> {
  const { tenant, places, to } = options
  const sites = await openSites(tenant, places)
  try {
    const target = siteNamed(sites, to)
    const source = homeOf(sites, tenant)
    if (source === target) {
      return { from: to, to, tables: [], meetingIds: 0, unpublished: 0 }
    }
    await ensureKnown(tenant, source, sites[0] as Site)
    ensureFree(tenant, source, target)
    await ensureEmpty(tenant, target)
    const { move } = target
    if (move?.direction === 'away' && !move.purged) {
      throw new MoveError('target_not_empty', `${to} has rows that ${tenant} left there`)
    }
    const tables = (await source.sql.begin('isolation level repeatable read read only', (from) =>
      measureTenant(tenant, from as unknown as Sql),
    )) as Preview['tables']
    const { unpublished } = await unfinished(source.sql, tenant)
    const meeting = await meetingIds(tenant, source.sql, target.sql)
    return {
      ...{ from: source.name, to, tables, meetingIds: meeting },
      unpublished,
    }
  } finally {
    await closeSites(sites)
  }
}
