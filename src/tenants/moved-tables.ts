/** A table with rows of tenants, and how they get to another database. */
export interface MovedTable {
  name: string
  /** What a row says of its tenant: its name, a wallet, an account or a webhook endpoint. */
  by: 'tenant' | 'wallet' | 'account' | 'endpoint'
  /** Columns that have another meaning in each database, as SQL. */
  as?: Readonly<Record<string, string>>
  /** A column that the target numbers anew, in the same order. Nothing refers to it. */
  renumbered?: string
  /** Rows that may be in the target already. The statement takes them from the table `moving`. */
  merge?: string
  /** Columns of the key that every row has in the target after it was merged. */
  key?: readonly string[]
  /** More rows than those of the tenant. */
  also?: string
  /** Rows of the roll-ups that answers come from. They get the target's number. */
  ofGeneration?: true
  /** The operations that are refused while the tenant moves. Without: all rows come with one of a table that has them. */
  fence?: { by?: 'tenant' | 'wallet'; on: readonly string[] }
  /** Also of a tenant that lives elsewhere, the main database has rows of its own, which go on meanwhile. */
  goesOnInMain?: true
  /** Rows stay in the database that the tenant left. */
  stays?: true
}

const WRITES = ['insert or update', 'delete']
const UNCLAIMED = { claimed_by: 'null::uuid', claimed_until: 'null::timestamptz' }

/**
 * All tables that have rows of tenants, in an order that foreign keys allow. `test/tenants/moved-tables.test.ts` fails
 * when a table of the database is neither here nor in `UNMOVED_TABLES`.
 */
export const MOVED_TABLES: readonly MovedTable[] = [
  { name: 'wallets', by: 'tenant', fence: { on: ['insert or update'] } },
  { name: 'accounts', by: 'tenant', fence: { on: ['insert or update'] } },
  { name: 'balance_snapshots', by: 'tenant', fence: { on: ['insert or update'] } },
  { name: 'transactions', by: 'tenant', fence: { on: ['insert or update'] } },
  { name: 'entries', by: 'account' },
  { name: 'clock_steps', by: 'account' },
  // Into the generation that the target writes to, because those of a wallet never go back to an older one.
  { name: 'event_rows', by: 'wallet', renumbered: 'generation' },
  // Old ones are deleted on both sides.
  { name: 'idempotency_keys', by: 'tenant', fence: { on: ['insert or update'] } },
  { name: 'limits', by: 'wallet', fence: { by: 'wallet', on: WRITES } },
  { name: 'monitors', by: 'wallet', fence: { by: 'wallet', on: WRITES } },
  { name: 'freezes', by: 'wallet', fence: { by: 'wallet', on: ['insert or update'] } },
  { name: 'four_eyes', by: 'tenant', renumbered: 'id', fence: { on: ['insert or update'] } },
  { name: 'provider_payments', by: 'tenant', fence: { on: ['insert or update'] } },
  {
    name: 'provider_events',
    by: 'tenant',
    // An event that names no topup is in every database that there was when it came.
    also: 't.tenant is null',
    merge: `
      with known as (
        delete from provider_events e using moving m
        where e.provider = m.provider and e.event_id = m.event_id and e.tenant is null and m.tenant is not null)
      select`,
    key: ['provider', 'event_id'],
    fence: { on: ['insert or update'] },
  },
  { name: 'debts', by: 'tenant', fence: { on: ['insert or update'] } },
  { name: 'saved_methods', by: 'wallet', fence: { by: 'wallet', on: WRITES } },
  { name: 'auto_topups', by: 'wallet', fence: { by: 'wallet', on: WRITES } },
  { name: 'auto_topup_runs', by: 'tenant', fence: { on: ['insert or update'] } },
  {
    name: 'webhook_endpoints',
    by: 'tenant',
    // What is published of the tenant in its new database is newer than any endpoint that came with it.
    as: { begins_after: '0::bigint' },
    // What is under way is still recorded: failures of the receiver among it.
    fence: {
      on: [
        'insert or update of url, description, events, user_ids, secret, previous_secret, paused_at, begins_at',
        'delete',
      ],
    },
  },
  { name: 'webhook_cursors', by: 'endpoint', as: UNCLAIMED },
  { name: 'webhook_attempts', by: 'endpoint', renumbered: 'id' },
  {
    name: 'push_devices',
    by: 'wallet',
    as: UNCLAIMED,
    // A browser belongs to whoever signed in last.
    merge: `
      with known as (
        delete from push_devices d using moving m
        where d.kind = m.kind and d.address = m.address and d.updated_at < m.updated_at)
      insert into push_services (service) select distinct service from moving on conflict do nothing`,
    key: ['kind', 'address'],
    fence: {
      by: 'wallet',
      on: ['insert or update of wallet_id, keys, label, language, figures', 'delete'],
    },
  },
  { name: 'push_settings', by: 'wallet', fence: { by: 'wallet', on: WRITES } },
  { name: 'analytics_cursors', by: 'tenant', ofGeneration: true },
  { name: 'analytics_days', by: 'tenant', ofGeneration: true },
  { name: 'analytics_open', by: 'wallet', ofGeneration: true },
  { name: 'analytics_buckets', by: 'tenant', ofGeneration: true },
  { name: 'analytics_users', by: 'tenant', ofGeneration: true },
  { name: 'analytics_cohorts', by: 'tenant', ofGeneration: true },
  { name: 'analytics_cohort_periods', by: 'tenant', ofGeneration: true },
  {
    name: 'analytics_counts',
    by: 'tenant',
    merge: 'select',
    key: ['tenant', 'name', 'at', 'label', 'currency', 'process'],
  },
  {
    name: 'deeds',
    by: 'tenant',
    merge: 'select',
    key: ['tenant', 'id'],
    fence: { on: ['insert'] },
    ...{ goesOnInMain: true, stays: true },
  },
]

/** All others, and why they do not go with a tenant. */
export const UNMOVED_TABLES: Readonly<Record<string, string>> = {
  // Of the database.
  schema_files: 'what this program has applied',
  meta: 'the epoch: the target has its own',
  currencies: 'the same everywhere',
  analytics_state: 'the roll-ups of all tenants',
  event_generations: 'the partitions of this database',
  push_services: 'of all devices; those of moved ones are added',
  // Always in the main database.
  tenants: 'settings, copied from the main database',
  api_keys: 'stay in the main database',
  revocations: 'stay in the main database',
  tenant_requests: 'stay in the main database',
  tenant_connections: 'stay in the main database',
  tenant_homes: 'where tenants live',
  tenant_moves: 'how they got there',
  // Empty before anything is copied.
  outbox: 'the move waits until it has nothing of the tenant',
  delivery_feed: 'the move empties it of the tenant',
  analytics_feed: 'filled anew in the target',
  // Made anew.
  push_visible: 'a page says again within seconds that it is seen',
  deed_seals:
    'follow the deeds: copied if the target has none of the tenant, else the deeds are sealed there',
  deed_heads: 'as deed_seals',
  unsealed_deeds: 'as deed_seals',
}
