import { randomUUID } from 'node:crypto'
import { sleep } from '../lib/timeout.ts'
import type { Sql } from '../postgres/database.ts'
import { MoveError, patiently, type Site } from './move-state.ts'
import { MOVED_TABLES } from './moved-tables.ts'

export const underWay = (tenant: string, name: string) =>
  `a move of ${tenant} between ${name} and another database is under way: end it, or give it up with --cancel`

/** Notes in the target that the tenant comes. A move that was killed keeps its id. */
export async function announce(tenant: string, source: Site, { sql, name, isMain }: Site) {
  const settled = await patiently(async () => {
    const [row] = await sql<{ settled: boolean }[]>`
      select settle_tenant(${tenant}, false) as settled`
    return row?.settled === true
  })
  if (!settled) {
    const message = isMain
      ? `${name} does not know that ${tenant} lives elsewhere`
      : `${name} has wallets of ${tenant}`
    throw new MoveError('target_not_empty', message)
  }
  const [row] = await sql<{ id: string }[]>`
    insert into tenant_moves as m (tenant, id, direction, peer)
    values (${tenant}, ${randomUUID()}, 'here', ${source.epoch})
    on conflict (tenant) do update set
      id = case when m.direction = 'here' and m.switched_at is null then m.id else excluded.id end,
      direction = 'here', peer = excluded.peer, began_at = clock_timestamp(),
      fenced_at = null, switched_at = null, purged_at = null
    where (m.direction = 'here' and (m.switched_at is not null or m.peer = excluded.peer)) or m.purged_at is not null
    returning id`
  if (row) return row.id
  throw new MoveError(
    'target_not_empty',
    `${name} has rows that ${tenant} left there: remove them with \`livebalance tenants move ${tenant} --purge\``,
  )
}

interface Fence {
  source: Site
  id: string
  peer: string
  signal: AbortSignal | undefined
}

/** From its end on, nothing of the tenant can be written in the source, by whatever server or program. */
export async function fence(tenant: string, { source, id, peer, signal }: Fence): Promise<void> {
  const { sql, isMain } = source
  // First of all, so that background work leaves the tenant alone.
  const [row] = await sql<{ id: string }[]>`
    insert into tenant_moves as m (tenant, id, direction, peer)
    values (${tenant}, ${id}, 'away', ${peer})
    on conflict (tenant) do update set
      id = excluded.id, direction = 'away', peer = excluded.peer, began_at = clock_timestamp(),
      fenced_at = case when m.id = excluded.id then m.fenced_at end, switched_at = null, purged_at = null
    where m.direction = 'here' or (m.switched_at is null and m.peer = excluded.peer)
    returning id`
  // Otherwise two moves to different databases could both come to their end.
  if (!row) throw new MoveError('under_way', underWay(tenant, source.name))
  for (const table of MOVED_TABLES) {
    if (!table.fence || (isMain && table.goesOnInMain)) continue
    const { by = 'tenant', on } = table.fence
    for (const operation of on) {
      await patiently(
        () => sql`select fence_table(${table.name}, ${tenant}, ${id}, ${by}, ${operation})`,
        signal,
      )
    }
  }
  await sql`
    update tenant_moves set fenced_at = clock_timestamp()
    where tenant = ${tenant} and id = ${id} and direction = 'away'`
}

const POLL_MS = 100

/** What of a tenant is still on its way: commits to be published or marked, and deliveries that are being sent. */
export async function unfinished(
  sql: Sql,
  tenant: string,
): Promise<{ unpublished: number; unmarked: number; sending: number }> {
  const [left] = await sql<{ unpublished: number; unmarked: number; sending: number }[]>`
    select
      (select count(*)::float8 from outbox o where exists (
        select from unnest(o.wallet_ids) as id join wallets w using (id) where w.tenant = ${tenant})) as unpublished,
      (select count(*)::float8 from delivery_feed f where exists (
        select from unnest(f.wallet_ids) as id join wallets w using (id) where w.tenant = ${tenant})) as unmarked,
      (select count(*)::float8 from webhook_endpoints e join webhook_cursors c on c.endpoint_id = e.id
        where e.tenant = ${tenant} and c.claimed_until between ledger_clock() and ledger_clock() + interval '5 minutes')
      + (select count(*)::float8 from push_devices d join wallets w on w.id = d.wallet_id
        where w.tenant = ${tenant} and d.claimed_until between ledger_clock() and ledger_clock() + interval '5 minutes')
        as sending`
  return left ?? { unpublished: 0, unmarked: 0, sending: 0 }
}

/** Waits until every event of the tenant is published, is with its webhooks and devices, and none of these is sending. */
export async function drain(
  sql: Sql,
  { tenant, drainMs, signal }: { tenant: string; drainMs: number; signal: AbortSignal | undefined },
): Promise<void> {
  const deadline = performance.now() + drainMs
  for (;;) {
    signal?.throwIfAborted()
    const { unpublished, unmarked, sending } = await unfinished(sql, tenant)
    if (unpublished + unmarked + sending === 0) return
    if (performance.now() > deadline) {
      throw new MoveError(
        'not_drained',
        `${unpublished} commits of ${tenant} are not published, and ${unmarked + sending} deliveries are under way: a server must run that publishes them`,
      )
    }
    if (unmarked > 0) await sql`select mark_deliveries(500)`
    else await sleep(POLL_MS, signal ? { signal } : {})
  }
}

/** The lock keeps others from moving the tenant at the same time, and from giving the move up meanwhile. */
export async function take(to: Sql, tenant: string, id: string): Promise<void> {
  await to`select set_config('livebalance.moving', ${id}, true)`
  const [row] = await to<{ mine: boolean }[]>`
    select id = ${id} and direction = 'here' and switched_at is null as mine
    from tenant_moves where tenant = ${tenant} for update nowait`.catch((cause: unknown) => {
    throw new MoveError('under_way', `another process moves ${tenant} now`, { cause })
  })
  if (!row?.mine) throw new MoveError('given_up', `the move of ${tenant} was given up meanwhile`)
}

/**
 * The last step: the source says that the tenant lives elsewhere, and forgets where to send what happens to it. Its fence
 * stays, as long as rows do.
 */
export async function leave(
  { sql, move }: Site,
  tenant: string,
  id = move?.id ?? '',
): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`select set_config('livebalance.moving', ${id}, true)`
    for (const table of ['webhook_cursors', 'webhook_attempts']) {
      await tx.unsafe(
        `delete from ${table} where endpoint_id in (
           select e.id from webhook_endpoints e where e.tenant = $1)`,
        [tenant],
      )
    }
    await tx`delete from webhook_endpoints where tenant = ${tenant}`
    await tx`
      delete from push_devices where wallet_id in (
        select w.id from wallets w where w.tenant = ${tenant})`
    await tx`
      insert into tenant_homes (tenant, here) values (${tenant}, false)
      on conflict (tenant) do update set here = false, settled_at = clock_timestamp()`
    await tx`
      update tenant_moves set switched_at = clock_timestamp()
      where tenant = ${tenant} and direction = 'away'`
  })
}

/** Removes the note in the target: a process that copies now cannot end the move any more. */
export async function forget({ sql }: Site, tenant: string): Promise<void> {
  await sql.begin(async (tx) => {
    const [row] = await tx<{ switched: boolean }[]>`
      select switched_at is not null as switched from tenant_moves
      where tenant = ${tenant} for update nowait`.catch((cause: unknown) => {
      throw new MoveError('under_way', `another process moves ${tenant} now`, { cause })
    })
    if (row?.switched) {
      throw new MoveError('switched', 'the move has ended meanwhile: call it again')
    }
    await tx`delete from tenant_moves where tenant = ${tenant}`
  })
}

/** Removes the triggers that refuse writes of the tenant. */
export async function liftFences(sql: Sql, tenant: string): Promise<void> {
  for (;;) {
    const [row] = await patiently(
      () => sql<{ lifted: boolean }[]>`
      select lift_fence(${tenant}) as lifted`,
    )
    if (!row?.lifted) return
  }
}

/** Lets the source take writes of the tenant again. */
export async function liftFence(sql: Sql, tenant: string): Promise<void> {
  await liftFences(sql, tenant)
  await sql`delete from tenant_moves where tenant = ${tenant} and direction = 'away'`
}
