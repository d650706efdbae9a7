import { describe, expect } from 'vitest'
import type { PushService } from '../../src/deliveries/push-service.ts'
import type { Sql } from '../../src/postgres/database.ts'
import { SUBJECT, test } from '../support/deliveries/push-fixtures.ts'
import { startPushService } from '../support/deliveries/push-service.ts'
import { eventually } from '../support/index.ts'

const ann = { tenant: 'default', userId: 'ann' }

describe('a notification', () => {
  test('is one for a change, encrypted for the device and signed by the server', async ({
    ledger,
  }) => {
    const phone = await ledger.device('ann')
    await ledger.change('ann', 15_000n)
    await eventually(() => expect(phone.pushed()).toHaveLength(1))
    const [pushed] = phone.pushed()
    expect(pushed?.message).toEqual({
      ...{ kind: 'change', title: '+$150.00', body: 'Balance: $150.00', language: 'en' },
      ...{ id: `${ledger.store.epoch}:1`, tag: `${ledger.store.epoch}:1` },
      timestamp: expect.any(String),
    })
    const { claims, publicKey, headers } = pushed ?? expect.fail()
    expect(publicKey).toBe(ledger.vapid.publicKey)
    expect(claims).toMatchObject({ aud: ledger.service.origin, sub: SUBJECT })
    expect(claims.exp).toBeGreaterThan(Date.now() / 1000)
    expect(claims.exp).toBeLessThanOrEqual(Date.now() / 1000 + 86_400)
    expect(headers).toMatchObject({
      urgency: 'normal',
      topic: expect.stringMatching(/^[\w-]{32}$/),
    })
    expect(Number(headers.ttl)).toBeGreaterThan(3500)
    expect(Number(headers.ttl)).toBeLessThanOrEqual(3600)
    // The second event of the change tells nothing, and the next change one thing.
    await ledger.change('ann', -5_000n)
    await eventually(() => expect(phone.pushed()).toHaveLength(2))
    expect(phone.pushed()[1]?.message).toMatchObject({ title: '-$50.00', body: 'Balance: $100.00' })
  })

  test('is in the language of the device, and without any amount where it wants none', async ({
    ledger,
  }) => {
    const shown = await ledger.device('bea', { language: 'de' })
    const hidden = await ledger.device('bea', { language: 'vi', figures: false })
    await ledger.change('bea', 123_456_789_012_345_678n / 1000n)
    await eventually(() => {
      expect([shown.pushed().length, hidden.pushed().length]).toEqual([1, 1])
    })
    expect(shown.pushed()[0]?.message.title).toBe('+1.234.567.890.123,45\u00a0$')
    const [plain] = hidden.pushed()
    expect(plain?.message).toMatchObject({
      title: 'Số dư của bạn đã thay đổi',
      body: 'Mở ví để xem chi tiết.',
    })
    const { id: _, tag: __, timestamp: ___, ...rest } = plain?.message ?? expect.fail()
    expect(JSON.stringify(rest)).not.toMatch(/\d/)
  })

  test('comes only by the rules that are on, and once if several fit', async ({ ledger }) => {
    const phone = await ledger.device('cem')
    const cem = { tenant: 'default', userId: 'cem' }
    await ledger.devices.configure(cem, {
      rules: {
        changes: { on: true, atLeast: { USD: 10_000n } },
        lowBalance: { on: true, below: { USD: 5_000n } },
        topups: { on: false },
      },
    })
    const kinds = () => phone.pushed().map(({ message }) => `${message.kind} ${message.title}`)
    await ledger.change('cem', 9_999n)
    // Of another currency, every change is told.
    await ledger.change('cem', 1n, 'EUR')
    await eventually(() => expect(kinds()).toEqual(['change +€0.01']))
    // Large and to a low balance: one. And not again while it stays low.
    await ledger.change('cem', 10_001n)
    await ledger.change('cem', -16_000n)
    await ledger.change('cem', -1_000n)
    await ledger.execute({
      ...{ op: 'payment', actor: 'cem', ...cem, amount: 4_000n, currency: 'USD' },
    })
    await eventually(() =>
      expect(kinds()).toEqual([
        'change +€0.01',
        'change +$100.01',
        'low_balance Low balance: $40.00',
        'payment_failed Payment declined: $40.00',
      ]),
    )
    expect(phone.pushed()[3]).toMatchObject({
      message: { body: 'Your balance is $10.00 too low.' },
      headers: { urgency: 'high' },
    })
  })

  test('tells how a topup was decided, and what the user did themselves not', async ({
    ledger,
  }) => {
    const phone = await ledger.device('dia')
    const dia = { tenant: 'default', userId: 'dia' }
    await ledger.devices.configure(dia, { rules: { changes: { on: false, atLeast: {} } } })
    const topup = async (op: 'topup_process' | 'topup_cancel', status?: string) => {
      const asked = await ledger.execute({
        ...{ op: 'topup_request', actor: 'dia', ...dia, amount: 2_500n, currency: 'USD' },
      })
      if (!asked.ok) throw new Error(asked.code)
      const actor = op === 'topup_cancel' ? 'dia' : 'ada'
      await ledger.execute({
        ...{ op, actor, tenant: 'default', transactionId: asked.transaction.id },
        ...(status && { status }),
      } as Parameters<typeof ledger.execute>[0])
    }
    await topup('topup_cancel')
    await topup('topup_process', 'failed')
    await topup('topup_process', 'success')
    await eventually(() =>
      expect(phone.pushed().map(({ message }) => message.title)).toEqual([
        'Topup rejected: $25.00',
        'Topup completed: +$25.00',
      ]),
    )
  })

  test('is not sent while a page shows the wallet', async ({ ledger }) => {
    const phone = await ledger.device('eva')
    const eva = { tenant: 'default', userId: 'eva' }
    const tabs = ['0197a3f0-0000-7000-8000-000000000001', '0197a3f0-0000-7000-8000-000000000002']
    for (const tab of tabs) await ledger.devices.seen(eva, tab, 60)
    await ledger.devices.seen(eva, tabs[0] ?? '', null)
    await ledger.change('eva')
    await eventually(() => expect(ledger.meter.seen).toBe(1))
    await ledger.devices.seen(eva, tabs[1] ?? '', null)
    await ledger.change('eva', 200n)
    await eventually(() => expect(phone.pushed()).toHaveLength(1))
    expect(phone.pushed()[0]?.message.title).toBe('+$2.00')
  })
})

describe('quiet hours', () => {
  test('hold notifications back, and end with one that tells of all', async ({ ledger }) => {
    // All day but the minute of an hour ago, then over: the clock of the database cannot be turned.
    const now = new Date()
    const minute = now.getUTCHours() * 60 + now.getUTCMinutes()
    const around = (from: number, to: number) => ({
      quietHours: {
        ...{ from: (minute + from + 1440) % 1440, to: (minute + to + 1440) % 1440 },
        timeZone: 'UTC',
      },
    })
    const fay = { tenant: 'default', userId: 'fay' }
    const phone = await ledger.device('fay')
    const other = await ledger.device('fay', { figures: false })
    await ledger.devices.configure(fay, around(-60, -120))
    for (const amount of [100n, 200n, 300n]) await ledger.change('fay', amount)
    await eventually(async () => {
      const rows = await ledger.sql`
        select attempts, next_attempt_at > now() + interval '20 hours' as later from push_devices`
      expect(rows).toMatchObject([
        { attempts: 0, later: true },
        { attempts: 0, later: true },
      ])
    })
    expect(ledger.service.pushed).toEqual([])
    // They were quiet until a minute ago, and events happened before.
    await ledger.devices.configure(fay, around(-60, -1))
    await ledger.owner`update event_rows set created_at = created_at - interval '5 minutes'`
    await ledger.owner`update push_devices set next_attempt_at = now()`
    ledger.wake()
    await eventually(() => {
      expect([phone.pushed().length, other.pushed().length]).toEqual([1, 1])
    })
    expect(phone.pushed()[0]?.message).toMatchObject({
      ...{ kind: 'summary', title: '3 changes during your quiet hours', body: 'Balance: $6.00' },
      ...{ id: `${ledger.store.epoch}:5`, tag: `${ledger.store.epoch}:1` },
    })
    expect(other.pushed()[0]?.message.title).toBe('News from your quiet hours')
    await ledger.change('fay', 400n)
    await eventually(() => expect(phone.pushed()).toHaveLength(2))
    expect(phone.pushed()[1]?.message.title).toBe('+$4.00')
  })
})

describe('many changes', () => {
  /** Of the user, all events are a minute older, and what waits for the end of it is due. */
  const aMinuteLater = async ({ owner, wake }: { owner: Sql; wake(): void }) => {
    await owner`update event_rows set created_at = created_at - interval '1 minute'`
    await owner`update push_devices set next_attempt_at = now() where next_attempt_at is not null`
    wake()
  }

  test('in a short time are a few notifications and one for the rest', async ({ ledger }) => {
    const phone = await ledger.device('fox')
    const plain = await ledger.device('fox', { figures: false, language: 'de' })
    const balance = () => phone.pushed().at(-1)?.message.body
    for (let i = 0; i < 100; i++) await ledger.change('fox')
    await eventually(() => expect(phone.pushed().length).toBeGreaterThanOrEqual(3))
    // What is marked after the minute would be told by itself.
    await eventually(async () =>
      expect(await ledger.owner`select from outbox union all select from delivery_feed`).toEqual(
        [],
      ),
    )
    await eventually(async () => {
      await aMinuteLater(ledger)
      expect(balance()).toBe('Balance: $100.00')
    })
    const sent = phone.pushed().map(({ message }) => message)
    const told = sent.map(({ kind, title }) =>
      kind === 'summary' ? Number.parseInt(title, 10) : 1,
    )
    expect(told.reduce((sum, n) => sum + n, 0)).toBe(100)
    expect(sent.slice(0, 3).map(({ kind }) => kind)).toEqual(['change', 'change', 'change'])
    // The minute may have ended while they were made.
    expect(sent.length).toBeLessThanOrEqual(6)
    expect(sent.at(-1)?.title).toMatch(/^\d+ changes$/)
    await eventually(() => expect(plain.pushed()).toHaveLength(phone.pushed().length))
    expect(plain.pushed().at(-1)?.message.title).toBe('Ihr Guthaben hat sich mehrmals geändert')
  })

  test('that waited together are one notification, and what is urgent is told by itself', async ({
    ledger,
  }) => {
    const phone = await ledger.device('gil')
    const gil = { tenant: 'default', userId: 'gil' }
    await ledger.stop()
    for (let i = 0; i < 5; i++) await ledger.change('gil')
    await ledger.execute({
      ...{ op: 'payment', actor: 'gil', ...gil, amount: 9_000n, currency: 'USD' },
    })
    await ledger.change('gil')
    await eventually(async () => expect(await ledger.sql`select from outbox`).toHaveLength(0))
    // Over so long a time, each is one by itself.
    await ledger.owner`
      update event_rows set created_at = created_at - (20 - seq) * interval '1 minute'`
    await ledger.restart()
    await eventually(() =>
      expect(phone.pushed().map(({ message }) => message.title)).toEqual([
        '5 changes',
        'Payment declined: $90.00',
        '+$1.00',
      ]),
    )
  })

  test('come again if they could not be sent, also by another process', async ({ ledger }) => {
    const phone = await ledger.device('hob')
    let failures = 1
    ledger.service.behave(({ path }) =>
      path === new URL(phone.subscription.json.endpoint).pathname && failures-- > 0
        ? { broken: true }
        : {},
    )
    for (let i = 0; i < 20; i++) await ledger.change('hob')
    await eventually(async () => {
      await aMinuteLater(ledger)
      await ledger.restart()
      expect(phone.pushed().at(-1)).toMatchObject({
        ...{ status: 201, message: { body: 'Balance: $20.00' } },
      })
    })
    const tags = phone.pushed().map(({ message }) => message.tag)
    expect(tags[1]).toBe(tags[0])
  })
})

describe('a push service', () => {
  test.for([404, 410])('that answers %i has its device removed', async (status, { ledger }) => {
    const old = await ledger.device('guy')
    const phone = await ledger.device('guy')
    const { pathname } = new URL(old.subscription.json.endpoint)
    ledger.service.behave(({ path }) => ({ status: path === pathname ? status : 201 }))
    await ledger.change('guy')
    await eventually(async () => {
      const left = await ledger.devices.list({ tenant: 'default', userId: 'guy' })
      expect(left.map(({ id }) => id)).toEqual([phone.id])
    })
    expect(ledger.meter.gone).toBe(1)
  })

  test('that fails gets the same message again, with the same tag and topic', async ({
    ledger,
  }) => {
    const phone = await ledger.device('hal')
    let failures = 2
    ledger.service.behave(() => (failures-- > 0 ? { status: 503 } : {}))
    await ledger.change('hal')
    await eventually(() => expect(phone.pushed().at(-1)?.status).toBe(201))
    const same = phone.pushed().map(({ text, headers }) => `${text} ${headers.topic}`)
    expect(same).toHaveLength(3)
    expect(new Set(same).size).toBe(1)
  })

  test('that asks for a pause gets it', async ({ ledger }) => {
    const phone = await ledger.device('ida')
    const until = new Date(Date.now() + 600_000)
    ledger.service.behave(() => ({
      status: 429,
      headers: { 'Retry-After': until.toUTCString() },
    }))
    await ledger.change('ida')
    await eventually(async () => {
      const [row] = await ledger.sql<{ at: Date; last_error: string }[]>`
        select next_attempt_at as at, last_error from push_devices where id = ${phone.id}`
      expect(row?.last_error).toBe('status 429')
      expect(row?.at.getTime()).toBeGreaterThan(until.getTime() - 2000)
    })
  })

  test('that is slow delays no other', async ({ ledger }) => {
    const slow = await startPushService()
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let most = 0
    slow.behave(async () => {
      most = Math.max(most, slow.open())
      await held
      return {}
    })
    // More than it may have under way at the same time.
    const users = Array.from({ length: 60 }, (_, i) => `jon-${i}`)
    for (const user of users) await ledger.device(user, { subscription: slow.subscribe() })
    const quick = await ledger.device('kim')
    await Promise.all(users.map((user) => ledger.change(user)))
    await eventually(() => expect(slow.open()).toBeGreaterThan(0))
    await ledger.change('kim')
    await eventually(() => expect(quick.pushed()).toHaveLength(1))
    expect(slow.pushed.filter(({ status }) => status !== null)).toEqual([])
    release()
    const told = () => new Set(slow.pushed.map(({ path }) => path)).size
    await eventually(() => expect(told()).toBe(60))
    expect(most).toBeLessThanOrEqual(50)
  })

  test('at a private address gets nothing unless it is allowed', async ({ ledger }) => {
    await ledger.restart({ allowPrivate: false })
    const phone = await ledger.device('leo')
    await ledger.change('leo')
    await eventually(async () => {
      const [row] = await ledger.devices.list({ tenant: 'default', userId: 'leo' })
      expect(row?.lastError).toBe('address not allowed: must begin with https://')
    })
    expect(phone.pushed()).toEqual([])
  })

  test('whose redirects are not followed', async ({ ledger }) => {
    const inner = await startPushService()
    const phone = await ledger.device('lil')
    ledger.service.behave(() => ({ status: 307, headers: { Location: `${inner.origin}/` } }))
    await ledger.change('lil')
    await eventually(() => expect(phone.pushed().length).toBeGreaterThan(1))
    expect(inner.pushed).toEqual([])
  })

  test('that comes back gets what is not too old, and the rest is dropped', async ({ ledger }) => {
    const phone = await ledger.device('mia')
    ledger.service.behave(() => ({ broken: true }))
    await ledger.change('mia', 100n)
    await ledger.change('mia', 200n)
    await eventually(() => expect(phone.pushed().length).toBeGreaterThan(0))
    await ledger.stop()
    await ledger.owner`
      update event_rows e set created_at = e.created_at - interval '61 minutes' from wallets w
      where w.id = e.wallet_id and w.user_id = 'mia' and e.seq <= 2`
    const before = phone.pushed().length
    ledger.service.behave(() => ({}))
    await ledger.owner`update push_devices set next_attempt_at = now(), claimed_by = null`
    await ledger.restart()
    await eventually(() => expect(phone.pushed().length).toBe(before + 1))
    expect(phone.pushed().at(-1)?.message.title).toBe('+$2.00')
    expect(ledger.meter.expired).toBe(1)
  })

  test('of another kind can be added', async ({ ledger }) => {
    const sent: unknown[] = []
    const native: PushService = {
      async send({ address, keys }, { payload, ...rest }) {
        sent.push({ address, keys, ...rest, title: JSON.parse(payload).title })
        return { delivered: true, status: 200, error: null, durationMs: 1 }
      },
    }
    await ledger.restart({ services: { fcm: native } })
    const token = { kind: 'fcm', address: 'token-1', keys: {}, service: 'fcm' }
    await ledger.device('nia', { ...token })
    const web = await ledger.device('nia')
    await ledger.change('nia')
    await eventually(() => expect(web.pushed()).toHaveLength(1))
    await eventually(() =>
      expect(sent).toEqual([
        {
          ...{ address: 'token-1', keys: {}, ttl: expect.any(Number), urgency: 'normal' },
          ...{ topic: expect.any(String), title: '+$1.00' },
        },
      ]),
    )
  })
})

describe('a device', () => {
  test('is told nothing from before it was registered', async ({ ledger }) => {
    await ledger.change('ann')
    const phone = await ledger.device('ann')
    await ledger.change('ann', 300n)
    await eventually(() => expect(phone.pushed()).toHaveLength(1))
    expect(phone.pushed()[0]?.message.title).toBe('+$3.00')
    // Registered again, as at each visit, it stays the same one.
    const again = await ledger.device('ann', { subscription: phone.subscription, label: 'Phone' })
    expect(again).toMatchObject({ id: phone.id, label: 'Phone' })
    expect(await ledger.devices.list(ann)).toHaveLength(1)
  })

  test('belongs to who uses its browser, and cannot be taken by anyone else', async ({
    ledger,
  }) => {
    const phone = await ledger.device('ann')
    const { keys, endpoint: address } = phone.subscription.json
    const device = {
      ...{ kind: 'web', address, service: ledger.service.origin },
      ...({ label: null, language: 'en', figures: true } as const),
    }
    const bob = { tenant: 'default', userId: 'bob' }
    const stolen = { ...keys, auth: 'AAAAAAAAAAAAAAAAAAAAAA' }
    expect(await ledger.devices.register(bob, { ...device, keys: stolen })).toBe('foreign')
    expect(await ledger.devices.list(ann)).toHaveLength(1)
    expect(await ledger.devices.register(bob, { ...device, keys })).toMatchObject({ id: phone.id })
    expect(await ledger.devices.list(ann)).toEqual([])
    await ledger.change('ann')
    await ledger.change('bob', 700n)
    await eventually(() => expect(phone.pushed()).toHaveLength(1))
    expect(phone.pushed()[0]?.message.title).toBe('+$7.00')
  })

  test('is one of ten at most, also if they come at the same time', async ({ ledger }) => {
    const made = await Promise.allSettled(Array.from({ length: 13 }, () => ledger.device('ola')))
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(10)
    expect(made.find((one) => one.status === 'rejected')?.reason.message).toBe('too_many')
  })
})
