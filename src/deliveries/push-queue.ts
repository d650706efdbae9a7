import { randomUUID } from 'node:crypto'
import { type EventRow, toEvent } from '../ledger/rows.ts'
import { Batcher } from '../lib/batcher.ts'
import type { Sql } from '../postgres/database.ts'
import type { Attempt, DeliveryStore, Result, Waiting } from './delivery.ts'
import { markDeliveries } from './mark.ts'
import { type PushTarget, type StoredRules, toRules } from './push.ts'

/** Devices under way at the same time at one push service, from one process. */
export const PER_SERVICE = 50

/** After so many failures in a row a push service gets one attempt at a time, with pauses. */
const SUSPECT_AFTER = 10

/** Events of a user that are claimed together. Those of a night should fit, so that one summary has them all. */
const EVENTS_PER_CLAIM = 500

/** Longer than the longest request, because a claim is renewed between two requests. */
const LEASE_SECONDS = 15

interface Row {
  device_id: string
  service: string
  wallet_id: string
  tenant: string
  user_id: string
  acked_seq: string
  last_seq: string
  attempts: number
  failing_seconds: number | null
  device: Omit<PushTarget, 'rules' | 'before'> & {
    rules: StoredRules | null
    before: EventRow[] | null
  }
  events: EventRow[] | null
}

/** The table `push_devices` as a queue: how far each device was told of its user's events. */
export class PushQueue implements DeliveryStore<PushTarget> {
  readonly #sql: Sql
  /** Names this process in its claims. */
  readonly #process = randomUUID()
  readonly #results = new Batcher<Result, boolean>((results) => this.#record(results), {
    size: 100,
    inFlight: 1,
  })

  constructor(sql: Sql) {
    this.#sql = sql
  }

  async claim(most: number, inFlight: ReadonlyMap<string, number>): Promise<Waiting<PushTarget>[]> {
    await markDeliveries(this.#sql)
    const counts = JSON.stringify(Object.fromEntries(inFlight))
    const rows = await this.#sql<Row[]>`
      select * from push_claim(${this.#process}, ${most}, ${counts}::text::jsonb, ${PER_SERVICE}, ${SUSPECT_AFTER},
        make_interval(secs => ${LEASE_SECONDS}), ${EVENTS_PER_CLAIM})`
    return rows.map((row) => ({
      target: {
        ...row.device,
        rules: toRules(row.device.rules),
        before: (row.device.before ?? []).map(toEvent),
      },
      targetId: row.device_id,
      receiver: row.service,
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

  async retire(deviceId: string): Promise<void> {
    await this.#sql`select push_forget(${deviceId})`
  }

  async #record(results: Result[]): Promise<PromiseSettledResult<boolean>[]> {
    const rows = results.map(({ targetId, ackedSeq, attempts, outcome, retryMs, error }) => ({
      ...{ device: targetId, acked: ackedSeq, outcome, retryMs, error },
      answered: attempts.filter(isAnswer).length,
      unanswered: attempts.filter((attempt) => !isAnswer(attempt)).length,
    }))
    const held = await this.#sql<{ device_id: string }[]>`
      select * from push_record(${this.#process}, ${JSON.stringify(rows)}::text::json,
        make_interval(secs => ${LEASE_SECONDS}), ${SUSPECT_AFTER})`
    const ids = new Set(held.map((row) => row.device_id))
    return results.map(({ targetId }) => ({ status: 'fulfilled', value: ids.has(targetId) }))
  }
}

/** A service that refuses a device works. */
const isAnswer = ({ status }: Attempt) => status !== null && status < 500
