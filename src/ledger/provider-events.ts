import { sleep } from '../lib/timeout.ts'
import type { Sql } from '../postgres/database.ts'
import { DatabaseUnavailable, isTransient } from '../postgres/errors.ts'
import { type AdminNotice, requestsIn } from './admin-notice.ts'
import type { Committed, RefusalCode } from './command.ts'
import type { DeedOrigin } from './deed.ts'
import { noting } from './deeds.ts'
import type {
  Debt,
  DebtStatus,
  PaymentEvent,
  PaymentEventKind,
  ProviderEvent,
  ProviderOutcome,
  RecordedOutcome,
  TakeBackRules,
} from './provider-event.ts'
import { type ChangeRow, isoOf, pageOf, toEvents, toIso } from './rows.ts'

export interface ProviderPage<Item> {
  items: Item[]
  nextCursor: string | null
}

interface PageQuery {
  tenant: string
  userId?: string
  cursor?: string
  limit: number
}

/** Rows of `ledger_apply()`, as the functions of providers return them. */
export type AppliedRows = { changes: ChangeRow[]; outbox_id: string | null }[]

export interface ProviderLedgerOptions {
  onCommitted?: (committed: Committed) => Promise<void>
  /** Called with what waits for an admin since. It must not throw. */
  announce?: (notices: readonly AdminNotice[]) => void
  rules?: TakeBackRules
  /** How long a call is repeated that lost against another transaction. Default 5 s. */
  retryForMs?: number
}

/** The ledger's side of payment providers: records their events and applies them, each once. */
export class ProviderLedger {
  readonly #sql: Sql
  readonly #options: Required<ProviderLedgerOptions>

  constructor(sql: Sql, options: ProviderLedgerOptions = {}) {
    this.#sql = sql
    this.#options = {
      onCommitted: () => Promise.resolve(),
      announce: () => {},
      rules: { refunds: 'adjustment', disputes: 'hold' },
      retryForMs: 5_000,
      ...options,
    }
  }

  /**
   * Records and applies an event in one transaction. An event that is known gets its first outcome again.
   * @throws DatabaseUnavailable
   */
  async record(event: PaymentEvent): Promise<RecordedOutcome> {
    const row = JSON.stringify({
      provider: event.provider,
      event_id: event.eventId,
      kind: event.kind,
      payment_id: event.paymentId,
      dispute_id: event.disputeId,
      tenant: event.topup?.tenant,
      topup_id: event.topup?.id,
      amount: event.amount?.toString(),
      currency: event.currency,
      is_total: event.isTotal ?? false,
      detail: event.detail,
    })
    const rules = JSON.stringify(this.#options.rules)
    const [recorded] = await this.#retried(
      () => this.#sql<(RecordedOutcome & { applied: AppliedRows })[]>`
        select outcome, reason, repeated, applied
        from provider_event(${row}::text::json, ${rules}::text::json)`,
    )
    if (!recorded) throw new Error('provider_event returned nothing')
    const { applied, ...outcome } = recorded
    await this.publish(applied)
    if (outcome.outcome === 'waiting' && !outcome.repeated && event.topup) {
      const { tenant, id: transactionId } = event.topup
      const timestamp = isoOf(new Date())
      const reason = outcome.reason ?? undefined
      this.#options.announce([
        { event: 'provider_case', tenant, timestamp, transactionId, ...(reason && { reason }) },
      ])
    }
    return outcome
  }

  /** Publishes what a function of the ledger has committed. Never rejects: the sweep repeats it. */
  async publish(applied: AppliedRows): Promise<void> {
    await Promise.all(
      applied.map(async ({ changes, outbox_id }) => {
        this.#options.announce(requestsIn(changes))
        if (outbox_id === null) return
        const events = changes.flatMap(toEvents)
        await this.#options.onCommitted({ outboxId: outbox_id, events }).catch(() => {})
      }),
    )
  }

  /** Notes that a payment was begun for a topup. */
  async linkPayment(
    provider: string,
    paymentId: string,
    topup: { tenant: string; id: string },
  ): Promise<void> {
    await this.#sql`select link_payment(${provider}, ${paymentId}, ${topup.tenant}, ${topup.id})`
  }

  /** The payment that was begun first for a topup. */
  async paymentOf(
    provider: string,
    topup: { tenant: string; id: string },
  ): Promise<string | undefined> {
    const [row] = await this.#sql<{ payment_id: string }[]>`
      select payment_id from provider_payments
      where provider = ${provider} and tenant = ${topup.tenant} and topup_id = ${topup.id}
      order by created_at limit 1`
    return row?.payment_id
  }

  /** Oldest first. */
  async events({
    tenant,
    userId,
    outcome,
    topupId,
    cursor,
    limit,
  }: PageQuery & { outcome?: ProviderOutcome; topupId?: string }): Promise<
    ProviderPage<ProviderEvent>
  > {
    const sql = this.#sql
    const rows = await sql<{ json: ProviderEventRow }[]>`
      select to_json(e) as json from provider_events e
      where e.tenant = ${tenant}
        ${userId === undefined ? sql`` : sql`and e.user_id = ${userId}`}
        ${outcome === undefined ? sql`` : sql`and e.outcome = ${outcome}`}
        ${topupId === undefined ? sql`` : sql`and e.topup_id = ${topupId}`}
        ${cursor === undefined ? sql`` : sql`and e.id > ${cursor}`}
      order by e.id limit ${limit + 1}`
    return toPage(rows, limit, toProviderEvent)
  }

  /** Notes that an admin has dealt with a waiting event of another user. Undefined: no such event waits. */
  async resolve(
    tenant: string,
    id: string,
    by: string,
    resolution: string,
    origin?: DeedOrigin,
  ): Promise<ProviderEvent | 'self_approval' | undefined> {
    const sql = this.#sql
    const deed = { deed: 'provider_event_resolve', target: id, asked: { resolution } } as const
    const [row] = await sql<{ json: ProviderEventRow }[]>`
      select to_json(e) as json, ${noting(sql, origin, deed)}
      from resolve_provider_event(${tenant}, ${id}, ${by}, ${resolution}) e`
    if (row) return toProviderEvent(row.json)
    const [own] = await sql`
      select from provider_events
      where tenant = ${tenant} and id = ${id} and outcome = 'waiting' and user_id = ${by}`
    return own && 'self_approval'
  }

  /** Oldest first. */
  async debts({
    tenant,
    userId,
    status,
    cursor,
    limit,
  }: PageQuery & { status?: DebtStatus }): Promise<ProviderPage<Debt>> {
    const sql = this.#sql
    const rows = await sql<{ json: DebtRow }[]>`
      select to_json(d) as json from debts d
      where d.tenant = ${tenant}
        ${userId === undefined ? sql`` : sql`and d.user_id = ${userId}`}
        ${status === undefined ? sql`` : sql`and d.status = ${status}`}
        ${cursor === undefined ? sql`` : sql`and d.id > ${cursor}`}
      order by d.id limit ${limit + 1}`
    return toPage(rows, limit, toDebt)
  }

  /**
   * Ends a debt, or a part of it. Undefined: there is no such open debt.
   * @param action `collect` takes what the wallet has available, `write_off` gives the rest up
   */
  async settleDebt(
    tenant: string,
    id: string,
    actor: string,
    action: 'collect' | 'write_off',
    origin?: DeedOrigin,
  ): Promise<{ debt: Debt; refusal: RefusalCode | null } | undefined> {
    const sql = this.#sql
    const note = noting(
      sql,
      origin,
      { deed: 'debt_settle', target: id, asked: { action } },
      {
        details: sql`jsonb_build_object('after', jsonb_build_object('userId', (debt).user_id,
          'status', (debt).status, 'currency', (debt).currency,
          'collected', decimal_of((debt).collected, (debt).currency)))`,
      },
    )
    const [row] = await this.#retried(
      () => sql<{ debt: DebtRow; refusal: RefusalCode | null; applied: AppliedRows }[]>`
        select to_json(debt) as debt, refusal, applied, case when refusal is null then ${note} end
        from settle_debt(${tenant}, ${id}, ${actor}, ${action},
          ${origin === undefined ? null : JSON.stringify(origin)}::text::jsonb)`,
    )
    if (!row) return undefined
    await this.publish(row.applied)
    return { debt: toDebt(row.debt), refusal: row.refusal }
  }

  /** The number of events that wait for an admin, of all tenants, counted up to 10,000. */
  async waiting(): Promise<number> {
    const [row] = await this.#sql<{ count: number }[]>`
      select count(*)::int as count
      from (select from provider_events where outcome = 'waiting' limit 10000) as counted`
    return row?.count ?? 0
  }

  /** Two events of one wallet wait for each other. Nothing of a call that lost was applied. */
  async #retried<T>(call: () => PromiseLike<T>): Promise<T> {
    const deadline = performance.now() + this.#options.retryForMs
    for (let pause = 20; ; pause = Math.min(pause * 2, 500)) {
      try {
        return await call()
      } catch (error) {
        if (!isTransient(error)) throw error
        if (performance.now() + pause > deadline) throw new DatabaseUnavailable(true, error)
        await sleep(pause)
      }
    }
  }
}

interface ProviderEventRow {
  id: string
  provider: string
  event_id: string
  kind: PaymentEventKind
  payment_id: string
  dispute_id: string | null
  topup_id: string | null
  user_id: string | null
  amount: number | null
  currency: string | null
  detail: string | null
  outcome: ProviderOutcome
  reason: string | null
  transaction_id: string | null
  received_at: string
  resolved_by: string | null
  resolution: string | null
  resolved_at: string | null
}

function toProviderEvent(row: ProviderEventRow): ProviderEvent {
  return {
    id: row.id,
    provider: row.provider,
    eventId: row.event_id,
    kind: row.kind,
    paymentId: row.payment_id,
    disputeId: row.dispute_id,
    topupId: row.topup_id,
    userId: row.user_id,
    amount: row.amount === null ? null : BigInt(row.amount),
    currency: row.currency,
    detail: row.detail,
    outcome: row.outcome,
    reason: row.reason,
    transactionId: row.transaction_id,
    receivedAt: toIso(row.received_at),
    resolvedBy: row.resolved_by,
    resolution: row.resolution,
    resolvedAt: row.resolved_at && toIso(row.resolved_at),
  }
}

interface DebtRow {
  id: string
  user_id: string
  currency: string
  amount: number
  collected: number
  status: DebtStatus
  cause: Debt['cause']
  topup_id: string
  created_at: string
  closed_by: string | null
  closed_at: string | null
}

function toDebt(row: DebtRow): Debt {
  return {
    id: row.id,
    userId: row.user_id,
    currency: row.currency,
    amount: BigInt(row.amount),
    collected: BigInt(row.collected),
    status: row.status,
    cause: row.cause,
    topupId: row.topup_id,
    createdAt: toIso(row.created_at),
    closedBy: row.closed_by,
    closedAt: row.closed_at && toIso(row.closed_at),
  }
}

const toPage = <Row, Item extends { id: string }>(
  rows: readonly { json: Row }[],
  limit: number,
  convert: (row: Row) => Item,
): ProviderPage<Item> => pageOf(rows, limit, ({ json }) => convert(json))
