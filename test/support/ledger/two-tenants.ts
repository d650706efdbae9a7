import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { PostgresRevocations } from '../../../src/auth/revocation-store.ts'
import { Analytics } from '../../../src/ledger/analytics-reader.ts'
import { Auditor } from '../../../src/ledger/auditor.ts'
import type { Command, Operation } from '../../../src/ledger/command.ts'
import { Deeds } from '../../../src/ledger/deeds.ts'
import { PostgresEventStore } from '../../../src/ledger/event-store.ts'
import { Executor } from '../../../src/ledger/executor.ts'
import { FourEyes } from '../../../src/ledger/four-eyes.ts'
import { Freezes } from '../../../src/ledger/freezes.ts'
import { IdempotencyStore } from '../../../src/ledger/idempotency-store.ts'
import { LimitsAndAlerts } from '../../../src/ledger/limits-and-alerts.ts'
import { Reader } from '../../../src/ledger/reader.ts'
import { TransactionSearch } from '../../../src/ledger/search.ts'
import type { Sql } from '../../../src/postgres/database.ts'
import { test as base } from '../fixtures.ts'
import { openPayments } from './payments-of-theirs.ts'
import { openPlatform } from './platform-of-theirs.ts'
import { openPush } from './push-of-theirs.ts'
import { MARK, mine, SERVICE, theirs } from './tenant-names.ts'
import { openWebhooks } from './webhooks-of-theirs.ts'

export type Parts = Awaited<ReturnType<typeof openTenants>>

/** The parts of a server that ask the database, with the ids of `theirs` that could be asked for. */
export const test = base.extend('parts', { scope: 'file' }, ({ sql, owner }) =>
  openTenants(sql, owner),
)

async function openTenants(sql: Sql, owner: Sql) {
  const commits: string[] = []
  const executor = new Executor(sql, {
    async onCommitted({ outboxId }) {
      commits.push(outboxId)
    },
  })
  const limitsAndAlerts = new LimitsAndAlerts(sql)
  const freezes = new Freezes(sql, { currency: 'USD' })
  const fourEyes = new FourEyes(sql)
  const deeds = new Deeds(sql)
  const revocations = new PostgresRevocations(sql)
  const idempotency = new IdempotencyStore(sql)
  const events = await PostgresEventStore.open(sql)
  const open = async (who: typeof mine, op: Operation, rest: Partial<Command> = {}) => {
    const outcome = await executor.execute({
      op,
      tenant: who.tenant,
      actor: 'ada',
      userId: who.userId,
      currency: 'USD',
      amount: 100n,
      ...rest,
    })
    if (!outcome.ok) throw new Error(`${op}: ${outcome.code}`)
    return outcome.transaction.id
  }
  await open(mine, 'adjustment', { amount: 5_00n })
  await open({ ...mine, userId: 'bob' }, 'adjustment', { amount: 5_00n })
  const reader = new Reader(sql)
  await reader.balance(theirs, 'USD')
  const payments = await openPayments(sql, open)
  const webhooks = await openWebhooks(sql)
  const platform = await openPlatform(sql, owner)
  const push = await openPush(sql)
  await open({ ...theirs, userId: 'bob' }, 'adjustment', {
    amount: 777_777_777_00n,
    description: MARK,
  })
  await open(theirs, 'adjustment', { amount: 888_888_888_00n, description: MARK })
  const description = MARK
  const split = [
    { to: 'bob', amount: 50n },
    { fee: MARK.toLowerCase(), share: 1 },
  ]
  const ofService = { actor: SERVICE, expiresIn: 3600 }
  const told = await open(theirs, 'hold', { description, idempotencyKey: 'told', ...ofService })
  await open(theirs, 'hold_expiring', { transactionId: told, expiresIn: 7200 })
  await fourEyes.set('theirs', [{ currency: 'USD', amount: 77_777_777n }], MARK)
  const transactions = [
    ...payments.transactions,
    told,
    await open(theirs, 'topup_request', { description }),
    await open(theirs, 'withdrawal_request', { description }),
    await open(theirs, 'hold', { description, idempotencyKey: 'k', expiresIn: 3600 }),
    await open(theirs, 'payment', { description }),
    await open(theirs, 'payment', { description, split }),
    await open(theirs, 'transfer', { description, toUserId: 'bob' }),
    // Two admins have to agree to these.
    await open(theirs, 'adjustment', { description, amount: 88_888_888n }),
    await open(theirs, 'refund', {
      ...{ description, transactionId: payments.spent, amount: 88_888_888n },
    }),
  ]
  const monitor = await limitsAndAlerts.putMonitor({
    ...theirs,
    currency: 'USD',
    threshold: 1n,
    direction: 'below',
  })
  await limitsAndAlerts.putLimit({
    ...theirs,
    type: 'booking_payment',
    currency: 'USD',
    maxAmount: 77_777_777n,
    maxSum: null,
    windowSeconds: null,
  })
  // Some have a seal, others wait for it.
  await deeds.seal()
  const origin = { tenant: 'theirs', actor: MARK, roles: ['admin'] }
  await deeds.note(origin, { deed: 'webhook_test', target: MARK })
  const frozen = { debits: true, credits: true, reason: MARK, by: MARK }
  await freezes.set({ ...theirs, userId: 'bob' }, frozen)
  const revoked = await revocations.revoke({
    ...{ tenant: 'theirs', userId: 'alice', revokedBy: 'ada', expiresAt: null },
    reason: MARK,
  })
  await idempotency.run(
    { tenant: 'theirs', actor: 'ada', key: 'answer', asked: 'x' },
    async () => MARK,
  )
  // Some commits are at the endpoints, others on their way there, and the rest not even published.
  await events.acknowledge(commits.splice(0, commits.length - 2))
  await sql`select analytics_step(1000)`
  const counted = { tenant: 'theirs', name: 'refusals', label: MARK, currency: 'USD', count: 1 }
  const rows = [{ ...counted, at: new Date(), process: randomUUID(), amount: 77_777_777 }]
  await sql`select analytics_count(${JSON.stringify(rows)}::text::json)`
  await webhooks.fail()
  await events.acknowledge(commits.splice(0, 1))
  return {
    executor,
    limitsAndAlerts,
    freezes,
    fourEyes,
    deeds,
    search: new TransactionSearch(sql),
    revocations,
    idempotency,
    events,
    transactions,
    monitor: monitor?.id ?? '',
    revocation: revoked.id,
    payments,
    ...{ providerLedger: payments.ledger, autoTopups: payments.autoTopups },
    ...{ apiKeys: platform.keys, apiKey: platform.key },
    ...{ endpoints: webhooks.endpoints, endpoint: webhooks.endpoint },
    ...{ devices: push.devices, device: push.device },
    /** Ids and keys that only `theirs` may see. */
    secrets: [
      ...transactions,
      ...payments.secrets,
      ...webhooks.secrets,
      ...platform.secrets,
      push.device,
      monitor?.id,
      revoked.id,
    ],
    reader,
    auditor: new Auditor(sql),
    analytics: new Analytics(sql),
  }
}

/** Tables that belong to no tenant. A new table has to have one, or stand here. */
const COMMON = [
  'analytics_state',
  'currencies',
  'event_generations',
  'meta',
  'push_services',
  'schema_files',
]

const OF_THEIRS = {
  tenant: `tenant = 'theirs'`,
  wallet_id: `wallet_id in (select id from wallets where tenant = 'theirs')`,
  account_id: `account_id in (select a.id from accounts a join wallets w on w.id = a.wallet_id
    where w.tenant = 'theirs')`,
  endpoint_id: `endpoint_id in (select id from webhook_endpoints where tenant = 'theirs')`,
  wallet_ids: `wallet_ids && array(select id from wallets where tenant = 'theirs')`,
}

/** Every row of `theirs`, as text, by table. */
export async function rowsOfTheirs(sql: Sql): Promise<Record<string, string[]>> {
  const tables = await sql<{ name: string; columns: string }[]>`
    select c.relname as name, string_agg(a.attname, ' ') as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    group by c.relname order by c.relname`
  const dump: Record<string, string[]> = {}
  for (const { name, columns } of tables) {
    const keys = Object.entries(OF_THEIRS).filter(([key]) => columns.split(' ').includes(key))
    if (keys.length === 0) {
      expect(COMMON).toContain(name)
      continue
    }
    // By any of them, so that a row between both tenants is seen as well.
    const where = keys.map(([, condition]) => condition).join(' or ')
    const rows = await sql.unsafe<{ row: string }[]>(
      `select t::text as row from ${name} t where ${where} order by 1`,
    )
    dump[name] = rows.map(({ row }) => row)
  }
  return dump
}
