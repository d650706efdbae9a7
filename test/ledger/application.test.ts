import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import pino from 'pino'
import postgres from 'postgres'
import { describe, expect } from 'vitest'
import { REFUSALS } from '../../src/http/errors.ts'
import {
  MAX_DESCRIPTION,
  MAX_METADATA_BYTES,
  MAX_METADATA_DEPTH,
  MAX_REFERENCE,
  metadata,
  RESERVED_METADATA,
  text,
} from '../../src/http/schemas.ts'
import type { LedgerEvent } from '../../src/ledger/event.ts'
import { PostgresEventStore } from '../../src/ledger/event-store.ts'
import { isTenant, isUserId, MAX_TENANT, MAX_USER_ID } from '../../src/lib/identity.ts'
import type { Sql } from '../../src/postgres/database.ts'
import { Listener } from '../../src/postgres/listener.ts'
import { Outbox } from '../../src/realtime/outbox.ts'
import { isIdempotencyKey } from '../../src/routes/writes.ts'
import { sqlRoleOf } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { test as base } from '../support/fixtures.ts'

const log = pino({ level: 'silent' })

/** An application with a table and a login of its own in the database of the ledger. */
const test = base.extend('shop', { scope: 'file' }, async ({ database, owner }, { onCleanup }) => {
  const login = `shop_${randomBytes(4).toString('hex')}`
  const role = sqlRoleOf(database.appRole)
  await owner.unsafe(`
    create role ${login} login password 'secret';
    grant "${role}" to ${login};
    create table bookings (id text primary key, user_id text, paid_by uuid);
    grant all on bookings to ${login}`)
  const url = Object.assign(new URL(database.ownerUrl), { username: login, password: 'secret' })
  // With the settings of another program, which know nothing of the ledger.
  const shop = postgres(url.href, {
    max: 4,
    onnotice: () => {},
    connection: { search_path: 'public', TimeZone: 'Asia/Kolkata', DateStyle: 'SQL, DMY' },
  })
  onCleanup(async () => {
    await shop.end({ timeout: 1 })
    await owner.unsafe(`drop owned by ${login}; drop role ${login}`)
  })
  return shop as unknown as Sql
})

const credit = (shop: Sql, userId: string, amount: number) =>
  shop`select livebalance.credit(user_id => ${userId}, amount => ${amount}, description => 'a gift')`

const balance = async (shop: Sql, userId: string, currency = 'USD') => {
  const [row] = await shop`select * from livebalance.balance(${userId}, ${currency})`
  return row
}

describe('an application in the same database', () => {
  test('commits its booking and the payment together, or neither', async ({ shop }) => {
    await credit(shop, 'ann', 100)
    const book = (id: string, fail: boolean) =>
      shop.begin(async (tx) => {
        await tx`insert into bookings (id, user_id) values (${id}, 'ann')`
        await tx`
          update bookings set paid_by = (livebalance.pay(
            user_id => 'ann', amount => 30.25, reference_id => ${id}, reference_type => 'booking')).transaction_id
          where id = ${id}`
        if (fail) throw new Error('the application failed')
      })
    await book('b-1', false)
    await expect(book('b-2', true)).rejects.toThrow('the application failed')
    expect(await shop`select id, paid_by is not null as paid from bookings`).toEqual([
      { id: 'b-1', paid: true },
    ])
    expect(await balance(shop, 'ann')).toEqual({
      ...{ balance: '69.75', held: '0.00', available: '69.75' },
    })
  })

  test('gets a refusal as an error with its own SQLSTATE, or as a value', async ({ shop }) => {
    await credit(shop, 'bob', 10)
    const pay = (onRefusal: string) => shop`
      select (outcome).* from (select livebalance.pay(
        user_id => 'bob', amount => 25, on_refusal => ${onRefusal}) as outcome) as paid`
    const raised = await pay('raise').catch((error) => error)
    expect(raised).toMatchObject({ code: 'LB201', message: 'insufficient_funds' })
    expect(JSON.parse(raised.detail)).toMatchObject({ shortfall: 1500, available: 1000 })
    const [returned] = await pay('return')
    expect(returned).toMatchObject({ refusal: 'insufficient_funds', transaction_id: null })
    await expect(pay('ignore')).rejects.toMatchObject({ code: '22023' })
    expect(await balance(shop, 'bob')).toMatchObject({ balance: '10.00' })
  })

  test('holds, captures, releases, refunds and transfers, exactly in every currency', async ({
    shop,
  }) => {
    const one = async (statement: PromiseLike<readonly unknown[]>) =>
      (await statement)[0] as { transaction_id: string } | undefined
    await credit(shop, 'cleo', 100)
    await shop`select livebalance.credit('cleo', 1.005, 'KWD')`
    await shop`select livebalance.credit('cleo', 1000, 'JPY')`
    await credit(shop, 'dan', 1)
    const hold = await one(shop`select * from livebalance.hold('cleo', 40, expires_in => 60)`)
    expect(hold).toMatchObject({
      type: 'hold',
      status: 'pending',
      amount: '-40.00',
      balance: '100.00',
    })
    expect(await balance(shop, 'cleo')).toMatchObject({ held: '40.00', available: '60.00' })
    const taken = await one(
      shop`select * from livebalance.capture(${hold?.transaction_id ?? ''}, 15.5)`,
    )
    expect(taken).toMatchObject({ status: 'success', amount: '-15.50', balance: '84.50' })
    const other = await one(shop`select * from livebalance.hold('cleo', 1)`)
    expect(
      await one(shop`select * from livebalance.release(${other?.transaction_id ?? ''})`),
    ).toMatchObject({
      ...{ status: 'cancelled', balance: '84.50' },
    })
    expect(
      await one(
        shop`select * from livebalance.refund(${hold?.transaction_id ?? ''}, 0.5, 'too much')`,
      ),
    ).toMatchObject({ type: 'refund', amount: '0.50', balance: '85.00' })
    const { transaction_id: metered = '' } =
      (await one(shop`select * from livebalance.hold('cleo', 3)`)) ?? {}
    await one(shop`select * from livebalance.extend(${metered}, 2, expires_in => 3600)`)
    const part = await one(shop`select * from livebalance.capture(${metered}, 4, final => false)`)
    expect(part).toMatchObject({ status: 'pending', amount: '-5.00', balance: '85.00' })
    await expect(
      shop`select livebalance.capture(${metered}, 1.01, final => false)`,
    ).rejects.toMatchObject({ code: 'LB308' })
    expect(await one(shop`select * from livebalance.release(${metered})`)).toMatchObject({
      ...{ status: 'success', amount: '-4.00', balance: '81.00' },
    })
    await credit(shop, 'cleo', 4)
    expect(await one(shop`select * from livebalance.transfer('cleo', 'dan', 5)`)).toMatchObject({
      ...{ amount: '-5.00', balance: '80.00' },
    })
    expect(await balance(shop, 'dan')).toMatchObject({ balance: '6.00' })
    expect(await balance(shop, 'cleo', 'KWD')).toMatchObject({ balance: '1.005' })
    expect(await balance(shop, 'cleo', 'JPY')).toMatchObject({ balance: '1000' })
    expect(await balance(shop, 'nobody')).toMatchObject({ balance: '0.00' })
    expect(await balance(shop, 'cleo', 'XXX')).toBeUndefined()
  })

  test.for<[string, string]>([
    [`pay('eve', 0.001)`, 'LB101'],
    [`pay('eve', -1)`, 'LB101'],
    [`pay('eve', 1e30)`, 'LB101'],
    [`pay('eve', 'NaN')`, 'LB101'],
    [`credit('eve', -1)`, 'LB101'],
    [`pay('eve', 1, 'XXX')`, 'LB103'],
    [`pay('unknown', 1)`, 'LB105'],
    [`transfer('eve', 'unknown', 1)`, 'LB105'],
    [`transfer('eve', 'eve', 1)`, 'LB305'],
    [`release(gen_random_uuid())`, 'LB301'],
    [`capture(gen_random_uuid(), 1)`, 'LB301'],
  ])('%s is refused with %s', async ([call, code], { shop }) => {
    await credit(shop, 'eve', 5)
    await expect(shop.unsafe(`select livebalance.${call}`)).rejects.toMatchObject({ code })
  })

  const nested = (levels: number): object => (levels === 1 ? {} : { in: nested(levels - 1) })
  const long = (bytes: number) => ({ '': [1, 'ü'], text: 'x'.repeat(bytes - 23) })
  const ids = ['', '.', '..', 'a b', 'a\u00a0b', '\ufeffa', 'a\u0085', 'a\n']

  test.for<[string, readonly unknown[], readonly unknown[], (value: never) => boolean]>([
    [
      'metadata',
      [{}, long(MAX_METADATA_BYTES), nested(MAX_METADATA_DEPTH)],
      [
        ...[[1, 2], 'x', 7, long(MAX_METADATA_BYTES + 1), { text: 'x'.repeat(2 ** 20) }],
        nested(MAX_METADATA_DEPTH + 1),
        ...RESERVED_METADATA.map((name) => ({ [name]: 1 })),
      ],
      (value) => metadata.safeParse(value).success,
    ],
    ...(
      [
        ['description', MAX_DESCRIPTION],
        ['reference_id', MAX_REFERENCE],
        ['reference_type', MAX_REFERENCE],
      ] as const
    ).map(
      ([name, max]) =>
        [
          name,
          ['', 'ü'.repeat(max), '😀'.repeat(max)],
          ['ü'.repeat(max + 1), `x${'😀'.repeat(max)}`, 'x'.repeat(2 ** 20)],
          (value: never) => text(max).safeParse(value).success,
        ] as [string, string[], string[], (value: never) => boolean],
    ),
    [
      'user_id',
      ['kim', '😀'.repeat(MAX_USER_ID)],
      [...ids, '😀'.repeat(MAX_USER_ID + 1), 'x'.repeat(12_000)],
      isUserId,
    ],
    [
      'tenant',
      ['default', '😀'.repeat(MAX_TENANT)],
      [...ids, '😀'.repeat(MAX_TENANT + 1), 'x'.repeat(12_000)],
      isTenant,
    ],
    [
      'idempotency_key',
      [' ', '~', 'k'.repeat(255)],
      ['', 'ü', 'a\u001f1', 'k'.repeat(256), 'k'.repeat(12_000)],
      isIdempotencyKey,
    ],
  ])(
    'what a request could not have as %s is refused by SQL too',
    async ([field, fit, unfit, ofRoute], { shop }) => {
      await credit(shop, 'kim', 100)
      const pay = async (value: unknown) => {
        const given = { user_id: 'kim', tenant: 'default', [field]: value }
        const json = JSON.stringify(given)
        const rest = ['description', 'reference_id', 'reference_type', 'idempotency_key']
        const [row] = await shop.unsafe(
          `select (livebalance.pay(j ->> 'user_id', 0.01, tenant => j ->> 'tenant', metadata => j -> 'metadata',
            ${rest.map((name) => `${name} => j ->> '${name}'`).join()}, on_refusal => 'return')).*
          from (select $1::text::jsonb as j) as given`,
          [json],
        )
        return row
      }
      for (const value of fit) {
        expect([value, ofRoute(value as never)]).toEqual([value, true])
        expect((await pay(value))?.refusal).not.toBe('invalid_command')
      }
      const name = field.replace(/_./, (pair) => pair.slice(1).toUpperCase())
      for (const value of unfit) {
        expect([value, ofRoute(value as never)]).toEqual([value, false])
        expect(await pay(value)).toMatchObject({
          ...{ refusal: 'invalid_command', details: { field: name }, transaction_id: null },
        })
      }
    },
  )

  test('names the field that cannot be, in the detail of the error', async ({ shop }) => {
    const refused = shop`select livebalance.credit('lea', 1, metadata => '[1, 2]')`
    await expect(refused).rejects.toMatchObject({
      ...{ code: 'LB102', message: 'invalid_command', detail: '{"field": "metadata"}' },
    })
    const [hold] = await shop`
      select (livebalance.credit('lea', 5)).status, (livebalance.hold('lea', 5)).transaction_id as id`
    const add = (key: string) => shop`
      select livebalance.capture(${hold?.id}, 1, final => false,
        metadata => jsonb_build_object(${key}::text, repeat('x', 1500)))`
    await add('first')
    await add('second')
    await expect(add('third')).rejects.toMatchObject({ code: 'LB102' })
    await expect(shop`select livebalance.transfer('lea', 'a b', 1)`).rejects.toMatchObject({
      code: 'LB102',
      detail: '{"field": "toUserId"}',
    })
  })

  test('pays once for one idempotency key', async ({ shop }) => {
    await credit(shop, 'finn', 50)
    const pay = (amount: number) => shop`
      select * from livebalance.pay('finn', ${amount}, metadata => '{"a": null}', idempotency_key => 'order-1')`
    const [first] = await pay(20)
    const [again] = await pay(20)
    expect(again).toEqual({ ...first, replayed: true })
    await expect(pay(21)).rejects.toMatchObject({ code: 'LB401' })
    expect(await balance(shop, 'finn')).toMatchObject({ balance: '30.00' })
  })

  test('splits a payment or a capture, in major units of each currency', async ({ shop }) => {
    await credit(shop, 'gus', 100)
    await shop`select livebalance.credit('gus', 1.005, 'KWD')`
    await credit(shop, 'host', 1)
    const parts = (...split: object[]) => JSON.stringify(split)
    const fee = { fee: 'sql', amount: 1.25 }
    const [paid] = await shop`
      select * from livebalance.pay('gus', 10, split => ${parts({ to: 'host', share: 1 }, fee)}::text::jsonb)`
    expect(paid).toMatchObject({ amount: '-10.00', balance: '90.00' })
    expect(await balance(shop, 'host')).toMatchObject({ balance: '9.75' })
    await shop`
      select livebalance.pay('gus', 1.005, 'KWD',
        split => ${parts({ to: 'host', amount: 1.004 }, { fee: 'sql', amount: '0.001' })}::text::jsonb)`
    expect(await balance(shop, 'host', 'KWD')).toMatchObject({ balance: '1.004' })
    const [hold] = await shop`select * from livebalance.hold('gus', 20)`
    await shop`
      select livebalance.capture(${hold?.transaction_id}, 15, split => ${parts({ to: 'host', share: 1 })}::text::jsonb)`
    expect(await balance(shop, 'host')).toMatchObject({ balance: '24.75' })
    await shop`select livebalance.refund(${paid?.transaction_id}, 8.76)`
    expect(await balance(shop, 'host')).toMatchObject({ balance: '17.08' })
    await shop`select livebalance.pay('host', 17.08)`
    await expect(shop`select livebalance.refund(${paid?.transaction_id})`).rejects.toMatchObject({
      code: 'LB205',
      message: 'payee_insufficient_funds',
    })
  })

  test.for([
    `'[]'`,
    `'{}'`,
    `'1'`,
    `'[1]'`,
    `'[{"to": "host", "amount": 0.001}]'`,
    `'[{"to": "host", "amount": "x"}]'`,
    `'[{"to": "host", "amount": 2}]'`,
    `'[{"to": "host", "share": 0.5}]'`,
    `'[{"to": "host", "share": 1, "amount": 1}]'`,
    `'[{"to": "host", "fee": "f", "share": 1}]'`,
    `'[{"to": 5, "share": 1}]'`,
    `'[{"fee": "F", "share": 1}]'`,
    `'[{"to": "host", "share": 1, "wallet": 1}]'`,
  ])('a split of %s is refused with LB106', async (split, { shop }) => {
    await credit(shop, 'ivy', 5)
    await credit(shop, 'host', 1)
    const paying = shop.unsafe(`select livebalance.pay('ivy', 1, split => ${split})`)
    await expect(paying).rejects.toMatchObject({ code: 'LB106' })
  })

  test('a frozen wallet raises, also when it is credited', async ({ shop, owner }) => {
    await credit(shop, 'jan', 5)
    await owner`select set_freeze('default', 'jan', 'USD', true, true, null, 'admin')`
    // No process of this test publishes the event.
    await owner`delete from outbox`
    for (const call of [`pay('jan', 1)`, `credit('jan', 1)`, `hold('jan', 1)`]) {
      const refused = shop.unsafe(`select livebalance.${call}`)
      await expect(refused).rejects.toMatchObject({ code: 'LB204', message: 'wallet_frozen' })
    }
  })

  test('lets a login of one tenant pay by functions of its own, as the guide says', async ({
    shop,
    owner,
    database,
  }) => {
    const guide = readFileSync('docs/guide/sql.md', 'utf8')
    const [example] = guide.match(/create schema acme;[^`]*/) ?? ['']
    const [{ login }] = await shop<[{ login: string }]>`select session_user as login`
    const name = new URL(database.ownerUrl).pathname.slice(1)
    const limited = `acme_${randomBytes(4).toString('hex')}`
    await owner.unsafe(`
      create role ${limited} login password 'secret';
      grant connect on database "${name}" to ${limited};
      grant create on database "${name}" to ${login}`)
    await shop`select livebalance.credit('ann', 5, tenant => 'acme')`
    await shop.unsafe(example.replaceAll('acme_shop', limited))
    const url = Object.assign(new URL(database.ownerUrl), { username: limited, password: 'secret' })
    const acme = postgres(url.href, { max: 1, onnotice: () => {} })
    try {
      expect(await acme`select status, balance from acme.pay('ann', 2)`).toEqual([
        { status: 'success', balance: '3.00' },
      ])
      await expect(acme`select livebalance.pay('ann', 2)`).rejects.toThrow(/permission denied/)
      const [paid] = await owner`
        select tenant, created_by from transactions order by created_at desc limit 1`
      expect(paid).toEqual({ tenant: 'acme', created_by: `sql:${limited}` })
    } finally {
      await acme.end({ timeout: 1 })
      await shop.unsafe('drop schema acme cascade')
      await owner.unsafe(`drop owned by ${limited}; drop role ${limited}`)
    }
  })

  test('its holds are told to the service whose id is that of the login', async ({ shop, sql }) => {
    await credit(shop, 'max', 5)
    const [hold] = await shop`
      select session_user as login, transaction_id as id from livebalance.hold('max', 5)`
    await shop`select livebalance.capture(${hold?.id}, 5, final => false)`
    const service = { tenant: 'default', userId: `sql:${hold?.login}` }
    expect(isUserId(service.userId)).toBe(true)
    const { events } = await (await PostgresEventStore.open(sql)).toldHolds(service, null, 10)
    expect(events).toMatchObject([
      { event: 'hold_exhausted', transactionId: hold?.id, service: service.userId },
    ])
  })

  test('can do nothing else with the ledger', async ({ shop }) => {
    for (const statement of [
      'select * from entries',
      'select * from wallets',
      'update balance_snapshots set balance = 1',
      `select * from ledger_apply('[]')`,
      `select livebalance.run('{}', 1, 'raise')`,
    ]) {
      await expect(shop.unsafe(statement)).rejects.toThrow(/permission denied/)
    }
  })

  test('has an SQLSTATE for each refusal', async ({ owner }) => {
    const codes = Object.keys(REFUSALS).filter((code) => code !== 'bulk_aborted')
    const rows = await owner<{ state: string }[]>`
      select livebalance.sqlstate_of(code) as state
      from unnest(${`{${codes.join()}}`}::text::text[]) as code`
    const states = new Set(rows.map(({ state }) => state))
    expect(states.size).toBe(codes.length)
    const guide = readFileSync('docs/guide/sql.md', 'utf8')
    const documented = [...guide.matchAll(/^\| `(LB\d+)` \| `(\w+)` \|$/gm)].map(
      ([, state, code]) => [code, state],
    )
    const made = rows.map(({ state }, i) => [codes[i], state])
    expect(documented.sort()).toEqual(made.sort())
    expect(states).not.toContain('LB000')
  })
})

describe('the events of such a commit', () => {
  /** The publishing part of a server that sweeps only when it is notified. */
  async function publishing(sql: Sql, url: string) {
    const events: LedgerEvent[] = []
    const outbox = new Outbox({
      bus: {
        reachable: true,
        publish: async (batch) => void events.push(...batch),
        announce: async () => {},
      },
      store: await PostgresEventStore.open(sql),
      logger: log,
      sweepEveryMs: 3_600_000,
    })
    const listener = new Listener(url, 'livebalance_outbox', () => outbox.sweep(), { log })
    const close = async () => {
      await listener.close()
      await outbox.close()
    }
    return { events, close }
  }

  const listening = (owner: Sql) => owner<{ pid: number }[]>`
    select pid from pg_stat_activity where query = 'listen livebalance_outbox' and datname = current_database()`

  test('are published at once, because the server is notified', async ({
    shop,
    sql,
    owner,
    database,
  }) => {
    await credit(shop, 'gil', 5)
    const { events, close } = await publishing(sql, database.appUrl)
    try {
      await eventually(async () => expect(await listening(owner)).toHaveLength(1))
      await shop`select livebalance.pay('gil', 2)`
      await eventually(() =>
        expect(events.filter(({ userId }) => userId === 'gil').map(({ seq }) => seq)).toEqual([
          ...[1, 2, 3, 4],
        ]),
      )
    } finally {
      await close()
    }
    await eventually(async () => expect(await sql`select from outbox`).toHaveLength(0))
  })

  test('are published after the connection was lost, too', async ({
    shop,
    sql,
    owner,
    database,
  }) => {
    const { events, close } = await publishing(sql, database.appUrl)
    try {
      await eventually(async () => expect(await listening(owner)).toHaveLength(1))
      const [lost] = await listening(owner)
      await owner`select pg_terminate_backend(${lost?.pid ?? 0})`
      await credit(shop, 'hal', 5)
      await eventually(() => expect(events.some(({ userId }) => userId === 'hal')).toBe(true))
    } finally {
      await close()
    }
  })
})
