import { randomUUID } from 'node:crypto'
import { type EventRow, toEvent } from '../ledger/rows.ts'
import { Batcher } from '../lib/batcher.ts'
import type { Sql } from '../postgres/database.ts'
import type { DeliveryStore, Result, Waiting } from './delivery.ts'
import { markDeliveries } from './mark.ts'
import type { WebhookTarget } from './webhook-sink.ts'

/** After so many failures in a row an endpoint gets one attempt at a time, with pauses. */
const SUSPECT_AFTER = 10

/** Events of a user that are claimed together. */
const EVENTS_PER_CLAIM = 50

/** Longer than the longest request, because a claim is renewed between two requests. */
const LEASE_SECONDS = 15

export interface WebhookQueueOptions {
  /** Users under way at the same time at one endpoint, from one process. See `WEBHOOK_CONCURRENCY`. */
  perEndpoint: number
  /** Is called when attempts of an endpoint were recorded. */
  onAttempts?: (tenant: string, endpointId: string) => void
}

interface Row {
  endpoint_id: string
  wallet_id: string
  tenant: string
  user_id: string
  acked_seq: string
  last_seq: string
  attempts: number
  failing_seconds: number | null
  endpoint: WebhookTarget
  events: EventRow[] | null
}

/** The table `webhook_cursors`: how far each endpoint has the events of each user. */
export class WebhookQueue implements DeliveryStore<WebhookTarget> {
  readonly #sql: Sql
  readonly #options: WebhookQueueOptions
  /** Names this process in its claims. */
  readonly #process = randomUUID()
  readonly #results = new Batcher<Result, boolean>((results) => this.#record(results), {
    size: 100,
    inFlight: 1,
  })

  constructor(sql: Sql, options: WebhookQueueOptions) {
    this.#sql = sql
    this.#options = options
  }

  async claim(
    most: number,
    inFlight: ReadonlyMap<string, number>,
  ): Promise<Waiting<WebhookTarget>[]> {
    await markDeliveries(this.#sql)
    const counts = JSON.stringify(Object.fromEntries(inFlight))
    const rows = await this.#sql<Row[]>`
      select * from webhook_claim(${this.#process}, ${most}, ${counts}::text::jsonb, ${this.#options.perEndpoint},
        ${SUSPECT_AFTER}, make_interval(secs => ${LEASE_SECONDS}), ${EVENTS_PER_CLAIM})`
    return rows.map((row) => ({
      target: row.endpoint,
      targetId: row.endpoint_id,
      receiver: row.endpoint_id,
      walletId: row.wallet_id,
      tenant: row.tenant,
      userId: row.user_id,
      ackedSeq: Number(row.acked_seq),
      lastSeq: Number(row.last_seq),
      attempts: row.attempts,
      failingMs: (row.failing_seconds ?? 0) * 1000,
      events: (row.events ?? []).map(toEvent),
    }))
  }

  record(result: Result): Promise<boolean> {
    return this.#results.add(result)
  }

  async retire(endpointId: string): Promise<void> {
    await this.#sql`
      update webhook_endpoints set paused_at = ledger_clock(), paused_reason = 'gone', updated_at = ledger_clock()
      where id = ${endpointId} and paused_at is null`
  }

  async #record(results: Result[]): Promise<PromiseSettledResult<boolean>[]> {
    const rows = results.map(({ tenant: _, targetId, walletId, ackedSeq, ...rest }) => ({
      ...{ endpoint: targetId, wallet: walletId, acked: ackedSeq },
      ...rest,
    }))
    const held = await this.#sql<{ endpoint_id: string; wallet_id: string }[]>`
      select * from webhook_record(${this.#process}, ${JSON.stringify(rows)}::text::json,
        make_interval(secs => ${LEASE_SECONDS}), ${SUSPECT_AFTER})`
    for (const { tenant, targetId, attempts } of results) {
      if (attempts.length > 0) this.#options.onAttempts?.(tenant, targetId)
    }
    const keys = new Set(held.map((row) => `${row.endpoint_id} ${row.wallet_id}`))
    return results.map(({ targetId, walletId }) => ({
      status: 'fulfilled',
      value: keys.has(`${targetId} ${walletId}`),
    }))
  }
}
