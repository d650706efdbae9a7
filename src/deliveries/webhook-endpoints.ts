import type { DeedOrigin } from '../ledger/deed.ts'
import { noting } from '../ledger/deeds.ts'
import type { UserRef } from '../ledger/event.ts'
import { isoOf, pageOf } from '../ledger/rows.ts'
import type { Sql } from '../postgres/database.ts'
import { newSecret } from './signature.ts'
import type {
  DeliveredTo,
  FailingUser,
  WebhookAttempt,
  WebhookBacklog,
  WebhookEndpoint,
  WebhookSettings,
  WebhookTotals,
} from './webhook.ts'
import type { WebhookTarget } from './webhook-sink.ts'

const MOST_COUNTED = 10_000

/** Of the events of one transaction. */
const ATTEMPTS_SHOWN = 50

/** Of a tenant for which no other number is set: few enough to ask for all of them at each commit. */
export const MAX_ENDPOINTS = 50

interface Row {
  id: string
  url: string
  description: string | null
  events: string[] | null
  user_ids: string[] | null
  paused_reason: WebhookEndpoint['pausedReason']
  previous_secret_until: Date | null
  created_by: string
  created_at: Date
  updated_at: Date
}

/** The table `webhook_endpoints`, of one tenant at a time. */
export class WebhookEndpoints {
  readonly #sql: Sql
  readonly #onChanged: (tenant: string, id: string) => void

  /** @param onChanged is called when an endpoint was made, changed or deleted, or its events are sent again */
  constructor(sql: Sql, onChanged: (tenant: string, id: string) => void = () => {}) {
    this.#sql = sql
    this.#onChanged = onChanged
  }

  /** Undefined: the tenant has as many as it may have. The secret is shown only now. */
  async create(
    tenant: string,
    createdBy: string,
    settings: WebhookSettings,
    origin?: DeedOrigin,
  ): Promise<(WebhookEndpoint & { secret: string }) | undefined> {
    const { url, description, events, userIds } = settings
    const secret = newSecret()
    const sql = this.#sql
    const deed = { deed: 'webhook_create', asked: onRecord(settings) } as const
    const [row] = await sql<Row[]>`
      insert into webhook_endpoints (id, tenant, url, description, events, user_ids, secret, begins_after,
        created_by)
      select uuid_at(clock_timestamp()), ${tenant}, ${url}, ${description}, ${this.#array(events)},
        ${this.#array(userIds)}, ${secret}, ${this.#newestCommit}, ${createdBy}
      where (select count(*) from webhook_endpoints where tenant = ${tenant}) < coalesce((
        select (settings ->> 'maxWebhooks')::integer from tenants where tenant = ${tenant}), ${MAX_ENDPOINTS})
      returning ${this.#columns()}, ${noting(sql, origin, deed, { target: sql`id::text` })}`
    if (row) this.#onChanged(tenant, row.id)
    return row && { ...toEndpoint(row), secret }
  }

  get #newestCommit() {
    return this.#sql`(select coalesce(max(id), 0) from delivery_feed)`
  }

  /**
   * Oldest first, each with its backlog.
   * @param id only this one, if the tenant has it
   */
  async list(tenant: string, id?: string): Promise<(WebhookEndpoint & WebhookBacklog)[]> {
    const rows = await this.#sql<(Row & WebhookBacklog)[]>`
      select ${this.#columns()}, b.*
      from webhook_endpoints e cross join lateral (
        select
          count(*) filter (where waiting_since is not null and set_aside_at is null)::int as "waitingUsers",
          count(*) filter (where failing_since is not null and set_aside_at is null)::int as "failingUsers",
          count(*) filter (where set_aside_at is not null)::int as "setAsideUsers",
          coalesce(greatest(0, extract(epoch from ledger_clock()
            - min(waiting_since) filter (where set_aside_at is null))), 0)::float8 as "lagSeconds"
        from webhook_cursors
        where endpoint_id = e.id and (next_attempt_at is not null or failing_since is not null)
      ) b
      where tenant = ${tenant} and (${id ?? null}::uuid is null or id = ${id ?? null}::uuid) order by id`
    return rows.map(({ waitingUsers, failingUsers, setAsideUsers, lagSeconds, ...row }) => ({
      ...toEndpoint(row),
      ...{ waitingUsers, failingUsers, setAsideUsers, lagSeconds },
    }))
  }

  /** Of all tenants. What waits at paused endpoints is left out. */
  async totals(): Promise<WebhookTotals> {
    const [row] = await this.#sql<WebhookTotals[]>`
      select
        (select count(*)::int from webhook_endpoints where paused_at is not null) as "pausedEndpoints",
        count(*) filter (where set_aside_at is null)::int as "waitingUsers",
        count(*) filter (where set_aside_at is not null)::int as "setAsideUsers",
        coalesce(greatest(0, extract(epoch from ledger_clock() - least(
          min(waiting_since) filter (where set_aside_at is null), (select min(at) from delivery_feed)))), 0)::float8
          as "lagSeconds"
      from (
        select c.waiting_since, c.set_aside_at
        from webhook_cursors c join webhook_endpoints e on e.id = c.endpoint_id
        where e.paused_at is null and (c.next_attempt_at is not null or c.failing_since is not null)
        limit ${MOST_COUNTED}
      ) waiting`
    if (!row) throw new Error('there is no count of webhooks')
    return row
  }

  async get(tenant: string, id: string): Promise<WebhookEndpoint | undefined> {
    const [row] = await this.#sql<Row[]>`
      select ${this.#columns()} from webhook_endpoints where tenant = ${tenant} and id = ${id}`
    return row && toEndpoint(row)
  }

  /** The endpoint with its secrets. */
  async target(tenant: string, id: string): Promise<WebhookTarget | undefined> {
    const [row] = await this.#sql<{ target: WebhookTarget }[]>`
      select json_build_object('id', id, 'url', url, 'secret', secret, 'events', events, 'previousSecret',
        case when previous_secret_until > ledger_clock() then previous_secret end) as target
      from webhook_endpoints where tenant = ${tenant} and id = ${id}`
    return row?.target
  }

  /**
   * Changes the given settings. Users who are added get the events from now on.
   * @param paused false also forgets that the receiver answered 410
   */
  async change(
    tenant: string,
    id: string,
    changes: Partial<WebhookSettings> & { paused?: boolean },
    origin?: DeedOrigin,
  ): Promise<WebhookEndpoint | undefined> {
    const { url, description, events, userIds, paused } = changes
    const sql = this.#sql
    const note = noting(
      sql,
      origin,
      { deed: 'webhook_change', target: id, asked: onRecord(changes) },
      {
        details: sql`jsonb_build_object('before', (
          select jsonb_build_object('description', w.description, 'events', to_jsonb(w.events),
            'users', cardinality(w.user_ids), 'paused', w.paused_at is not null)
          from webhook_endpoints w where w.id = changed.id))`,
      },
    )
    const set = (value: unknown) => value !== undefined
    const restarts = set(url) || paused === false
    const [row] = await this.#sql<Row[]>`
      with changed as (
        update webhook_endpoints set
          url = coalesce(${url ?? null}, url),
          description = case when ${set(description)} then ${description ?? null} else description end,
          events = case when ${set(events)} then ${this.#array(events ?? null)} else events end,
          user_ids = case when ${set(userIds)} then ${this.#array(userIds ?? null)} else user_ids end,
          begins_at = case when ${set(userIds)} then clock_timestamp() else begins_at end,
          begins_after = case when ${set(userIds)} then ${this.#newestCommit} else begins_after end,
          paused_at = case ${paused ?? null}::boolean
            when true then coalesce(paused_at, clock_timestamp()) when false then null else paused_at end,
          paused_reason = case ${paused ?? null}::boolean
            when true then coalesce(paused_reason, 'admin') when false then null else paused_reason end,
          failures = case when ${restarts} then 0 else failures end,
          retry_at = case when ${restarts} then null else retry_at end,
          updated_at = clock_timestamp()
        where tenant = ${tenant} and id = ${id}
        returning *
      )
      select ${this.#columns()},
        case when ${restarts} then webhook_retry_all(id) end,
        case when ${set(userIds)} then webhook_forget_users(id, user_ids) end,
        ${note}
      from changed`
    if (row) this.#onChanged(tenant, id)
    return row && toEndpoint(row)
  }

  async delete(tenant: string, id: string, origin?: DeedOrigin): Promise<boolean> {
    const sql = this.#sql
    const note = noting(sql, origin, { deed: 'webhook_delete', target: id })
    const [row] = await sql<{ deleted: boolean }[]>`
      select deleted, case when deleted then ${note} end from webhook_delete(${tenant}, ${id}) as deleted`
    if (row?.deleted) this.#onChanged(tenant, id)
    return row?.deleted === true
  }

  /** Makes a new secret. The one before also signs for so many seconds. */
  async rotate(
    tenant: string,
    id: string,
    overlapSeconds: number,
    origin?: DeedOrigin,
  ): Promise<(WebhookEndpoint & { secret: string }) | undefined> {
    const secret = newSecret()
    const sql = this.#sql
    const deed = { deed: 'webhook_rotate', target: id, asked: { overlapSeconds } } as const
    const [row] = await sql<Row[]>`
      update webhook_endpoints set
        previous_secret = case when ${overlapSeconds} > 0 then secret end,
        previous_secret_until = case when ${overlapSeconds} > 0
          then ledger_clock() + make_interval(secs => ${overlapSeconds}) end,
        secret = ${secret},
        updated_at = clock_timestamp()
      where tenant = ${tenant} and id = ${id}
      returning ${this.#columns()}, ${noting(sql, origin, deed)}`
    if (row) this.#onChanged(tenant, id)
    return row && { ...toEndpoint(row), secret }
  }

  /** Newest first. */
  async attempts(
    tenant: string,
    id: string,
    { cursor, limit, delivered }: { cursor?: string; limit: number; delivered?: boolean },
  ): Promise<{ items: WebhookAttempt[]; nextCursor: string | null }> {
    const sql = this.#sql
    const rows = await sql<(Omit<WebhookAttempt, 'at'> & { at: Date })[]>`
      select id, user_id as "userId", from_seq::float8 as "fromSeq", to_seq::float8 as "toSeq", delivered, status,
        error, duration_ms as "durationMs", at
      from webhook_attempts
      where endpoint_id = ${this.#ownId(tenant, id)}
        ${cursor === undefined ? sql`` : sql`and id < ${cursor}`}
        ${delivered === undefined ? sql`` : sql`and delivered = ${delivered}`}
      order by id desc limit ${limit + 1}`
    return pageOf(rows, limit, (row) => ({ ...row, at: isoOf(row.at) }))
  }

  /**
   * What became of a user's events at each endpoint that watches the user: whether it is past them, and the attempts that
   * are still known, newest first.
   */
  async deliveriesOf(
    { tenant, userId }: UserRef,
    { first, last }: { first: number; last: number },
  ): Promise<DeliveredTo[]> {
    const sql = this.#sql
    const endpoints = await sql<{ id: string; url: string; state: DeliveredTo['state'] }[]>`
      select e.id, e.url, case when c.acked_seq >= ${last} then 'done' when c.set_aside_at is null then 'waiting'
        else 'set_aside' end as state
      from webhook_endpoints e join webhook_cursors c on c.endpoint_id = e.id
      where e.tenant = ${tenant} and c.wallet_id = wallet_of(${tenant}, ${userId}) and c.last_seq >= ${first}
      order by e.id`
    const ids = JSON.stringify(endpoints.map(({ id }) => id))
    const attempts = await sql<(Omit<WebhookAttempt, 'at'> & { endpoint: string; at: Date })[]>`
      select id, endpoint_id as endpoint, user_id as "userId", from_seq::float8 as "fromSeq", to_seq::float8 as "toSeq",
        delivered, status, error, duration_ms as "durationMs", at
      from webhook_attempts
      where endpoint_id in (select jsonb_array_elements_text(${ids}::text::jsonb)::uuid)
        and user_id = ${userId} and from_seq <= ${last} and to_seq >= ${first}
      order by id desc limit ${ATTEMPTS_SHOWN}`
    return endpoints.map((each) => ({
      ...each,
      attempts: attempts
        .filter(({ endpoint }) => endpoint === each.id)
        .map(({ endpoint: _, ...row }) => ({ ...row, at: isoOf(row.at) })),
    }))
  }

  /** Users whose events fail or were set aside, those that fail for longest first; at most 100. */
  async failing(tenant: string, id: string): Promise<FailingUser[]> {
    const rows = await this.#sql<
      (Omit<FailingUser, 'failingSince' | 'nextAttemptAt' | 'setAsideAt'> & {
        failing_since: Date
        next_attempt_at: Date | null
        set_aside_at: Date | null
      })[]
    >`
      select w.user_id as "userId", c.acked_seq::float8 as "ackedSeq", c.last_seq::float8 as "lastSeq", c.attempts,
        c.last_error as error, c.failing_since, c.next_attempt_at, c.set_aside_at
      from webhook_cursors c join wallets w on w.id = c.wallet_id
      where c.endpoint_id = ${this.#ownId(tenant, id)} and c.failing_since is not null
      order by c.failing_since, c.wallet_id limit 100`
    return rows.map(({ failing_since, next_attempt_at, set_aside_at, ...rest }) => ({
      ...rest,
      failingSince: isoOf(failing_since),
      nextAttemptAt: next_attempt_at && isoOf(next_attempt_at),
      setAsideAt: set_aside_at && isoOf(set_aside_at),
    }))
  }

  /**
   * Sends a user's events after a seq, again or for the first time. False if the tenant has no such user or endpoint.
   * @param afterSeq null: after the last event that the endpoint has
   */
  async replay(
    tenant: string,
    id: string,
    userId: string,
    afterSeq: number | null,
    origin?: DeedOrigin,
  ): Promise<boolean> {
    const sql = this.#sql
    const asked = afterSeq === null ? {} : { afterSeq }
    const rows = await sql`
      select webhook_replay(e.id, w.id, ${afterSeq}::bigint),
        ${noting(sql, origin, { deed: 'webhook_replay', userId, target: id, asked })}
      from webhook_endpoints e join wallets w on w.tenant = e.tenant and w.user_id = ${userId}
      where e.tenant = ${tenant} and e.id = ${id}`
    if (rows.length === 1) this.#onChanged(tenant, id)
    return rows.length === 1
  }

  /** Sends everything that was set aside. Returns the number of users. */
  async replayAll(tenant: string, id: string, origin?: DeedOrigin): Promise<number> {
    const sql = this.#sql
    const note = noting(
      sql,
      origin,
      { deed: 'webhook_replay', target: id },
      { details: sql`jsonb_build_object('after', jsonb_build_object('users', users))` },
    )
    const [row] = await sql<{ users: number }[]>`
      with replayed as materialized (
        select webhook_replay(endpoint_id, wallet_id, null) from webhook_cursors
        where endpoint_id = ${this.#ownId(tenant, id)} and set_aside_at is not null
      )
      select users, ${note} from (select count(*)::int as users from replayed) as counted`
    if (row && row.users > 0) this.#onChanged(tenant, id)
    return row?.users ?? 0
  }

  /** Null for the id of another tenant's endpoint. */
  #ownId(tenant: string, id: string) {
    return this.#sql`(select id from webhook_endpoints where tenant = ${tenant} and id = ${id})`
  }

  #columns() {
    return this.#sql`
      id, url, description, to_json(events) as events, to_json(user_ids) as user_ids, paused_reason,
      case when previous_secret_until > ledger_clock() then previous_secret_until end as previous_secret_until,
      created_by, created_at, updated_at`
  }

  /** The driver knows no arrays. */
  #array(values: readonly string[] | null) {
    const json = values && JSON.stringify(values)
    return this.#sql`
      (select array_agg(value) from json_array_elements_text(${json}::text::json) value where ${json}::text is not null)`
  }
}

/** The settings of a webhook as the log of deeds keeps them: the path and the query of a URL may be a secret. */
export function onRecord({
  url,
  userIds,
  ...rest
}: Partial<WebhookSettings> & { paused?: boolean }): Record<string, unknown> {
  return {
    ...rest,
    ...(url !== undefined && { host: new URL(url).host }),
    ...(userIds !== undefined && { users: userIds?.length ?? null }),
  }
}

function toEndpoint(row: Row): WebhookEndpoint {
  const { id, url, description, events } = row
  return {
    ...{ id, url, description, events },
    userIds: row.user_ids,
    paused: row.paused_reason !== null,
    pausedReason: row.paused_reason,
    previousSecretUntil: row.previous_secret_until && isoOf(row.previous_secret_until),
    createdBy: row.created_by,
    createdAt: isoOf(row.created_at),
    updatedAt: isoOf(row.updated_at),
  }
}
