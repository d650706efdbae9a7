import type { UserRef } from '../ledger/event.ts'
import { isoOf } from '../ledger/rows.ts'
import type { Sql } from '../postgres/database.ts'
import {
  DEFAULT_RULES,
  type PushAddress,
  type PushDevice,
  type PushRules,
  type PushSettings,
  type QuietHours,
  type StoredRules,
  toRules,
  toStored,
} from './push.ts'

/** Of one user. */
export const MAX_DEVICES = 10

export interface NewDevice
  extends PushAddress,
    Pick<PushDevice, 'service' | 'label' | 'language' | 'figures'> {}

type Row = Omit<PushDevice, 'createdAt' | 'updatedAt'> & { created_at: Date; updated_at: Date }

interface SettingsRow {
  rules: StoredRules | null
  quiet_from: number | null
  quiet_to: number | null
  time_zone: string | null
}

/** The tables `push_devices`, `push_settings` and `push_visible`, of one user at a time. */
export class PushDevices {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** Adds a device, or changes the one with this address. */
  async register(
    { tenant, userId }: UserRef,
    { kind, address, keys, service, label, language, figures }: NewDevice,
  ): Promise<PushDevice | 'too_many' | 'foreign'> {
    const [row] = await this.#sql<{ id: string; refusal: 'too_many' | 'foreign' | null }[]>`
      select id, refusal from push_register(${tenant}, ${userId}, ${kind}, ${address},
        ${JSON.stringify(keys)}::text::jsonb, ${service}, ${label}, ${language}, ${figures}, ${MAX_DEVICES})`
    if (row?.refusal) return row.refusal
    const device = (await this.list({ tenant, userId })).find(({ id }) => id === row?.id)
    if (!device) throw new Error('the device was not written')
    return device
  }

  /** Oldest first. */
  async list({ tenant, userId }: UserRef): Promise<PushDevice[]> {
    const rows = await this.#sql<Row[]>`
      select id, kind, service, label, language, figures, last_error as "lastError", created_at, updated_at
      from push_devices where wallet_id = wallet_of(${tenant}, ${userId}) order by id`
    return rows.map(({ created_at, updated_at, ...row }) => ({
      ...row,
      createdAt: isoOf(created_at),
      updatedAt: isoOf(updated_at),
    }))
  }

  /** @returns whether the user had it */
  async remove(
    { tenant, userId }: UserRef,
    { id, address }: { id?: string; address?: string },
  ): Promise<boolean> {
    const [row] = await this.#sql<{ removed: number }[]>`
      select push_remove(${tenant}, ${userId}, ${id ?? null}, ${address ?? null}) as removed`
    return (row?.removed ?? 0) > 0
  }

  async settings({ tenant, userId }: UserRef): Promise<PushSettings> {
    const [row] = await this.#sql<SettingsRow[]>`
      select rules, quiet_from, quiet_to, time_zone from push_settings
      where wallet_id = wallet_of(${tenant}, ${userId})`
    return row ? toSettings(row) : { rules: DEFAULT_RULES, quietHours: null }
  }

  /** What is not given stays. */
  async configure(
    { tenant, userId }: UserRef,
    { rules = {}, quietHours }: { rules?: Partial<PushRules>; quietHours?: QuietHours | null },
  ): Promise<PushSettings> {
    const quiet = quietHours === undefined ? null : JSON.stringify(quietHours)
    const [row] = await this.#sql<SettingsRow[]>`
      select rules, quiet_from, quiet_to, time_zone
      from push_configure(${tenant}, ${userId}, ${JSON.stringify(toStored(rules))}::text::jsonb,
        ${quiet}::text::jsonb)`
    if (!row) throw new Error('the settings were not written')
    return toSettings(row)
  }

  /** A page shows the user's wallet for so many seconds from now; null: no more. */
  async seen({ tenant, userId }: UserRef, tab: string, seconds: number | null): Promise<void> {
    await this.#sql`
      select push_seen(${tenant}, ${userId}, ${tab}, make_interval(secs => ${seconds}::float8))`
  }

  /** Of the whole installation. `lagSeconds` is the longest that a device has waited for its next attempt. */
  async totals(): Promise<PushTotals> {
    const [row] = await this.#sql<PushTotals[]>`
      select
        (select count(*)::int from (select from push_devices limit ${MOST_COUNTED}) counted) as devices,
        (select count(*)::int from (
          select from push_devices where failing_since is not null limit ${MOST_COUNTED}) counted) as failing,
        (select coalesce(greatest(0, extract(epoch from ledger_clock() - min(d.next_attempt_at))), 0)::float8
          from push_services s cross join lateral (
            select next_attempt_at from push_devices
            where service = s.service and next_attempt_at is not null and next_attempt_at < ledger_clock()
            order by next_attempt_at limit 1) d) as "lagSeconds"`
    if (!row) throw new Error('there is no count of push devices')
    return row
  }
}

const MOST_COUNTED = 10_000

export interface PushTotals {
  /** Counted up to 10,000, as is `failing`. */
  devices: number
  /** Devices whose last attempt failed. */
  failing: number
  lagSeconds: number
}

function toSettings({ rules, quiet_from, quiet_to, time_zone }: SettingsRow): PushSettings {
  const hasQuiet = quiet_from !== null && quiet_to !== null && time_zone !== null
  return {
    rules: toRules(rules),
    quietHours: hasQuiet ? { from: quiet_from, to: quiet_to, timeZone: time_zone } : null,
  }
}
