import { Webhook } from 'standardwebhooks'
import { describe, expect } from 'vitest'
import { webhookDelivery } from '../../src/api-docs/webhook-delivery.ts'
import { fromLedger } from '../../src/realtime/stream/frame.ts'
import { PER_ENDPOINT, seqsOf, test, upTo } from '../support/deliveries/fixtures.ts'
import { eventually } from '../support/index.ts'

describe('a delivery', () => {
  test('carries the event as it is on screen, and is signed by the specification', async ({
    ledger,
  }) => {
    const shop = await ledger.receiver()
    await ledger.change('ann')
    await eventually(() => expect(seqsOf(shop, 'ann')).toEqual([1, 2]))
    const { events } = await ledger.store.eventsAfter({ tenant: 'default', userId: 'ann' }, 0, 10)
    for (const [i, event] of events.entries()) {
      const { text, headers } = shop.received[i] ?? expect.fail()
      const payload = new Webhook(shop.secret).verify(text, headers as Record<string, string>)
      const shown = fromLedger(event, ledger.store.epoch).payload
      const data = { event: event.event, userId: 'ann', ...JSON.parse(JSON.stringify(shown)) }
      expect(payload).toEqual({ type: event.event, ...data, data })
      expect(webhookDelivery.parse(payload)).toEqual(payload)
      expect(data.id).toBe(`${ledger.store.epoch}:${i + 1}`)
    }
  })
})

describe('an endpoint', () => {
  test('gets nothing from before it was created, of any user', async ({ ledger }) => {
    await ledger.change('bea')
    await ledger.outbox.flush()
    const shop = await ledger.receiver()
    await ledger.change('bea')
    await ledger.change('cem')
    await eventually(() => expect(shop.received).toHaveLength(4))
    expect(seqsOf(shop, 'bea')).toEqual([3, 4])
    expect(seqsOf(shop, 'cem')).toEqual([1, 2])
  })

  test('gets every event since, even if the newest commit was acknowledged first', async ({
    ledger,
  }) => {
    const shop = await ledger.receiver()
    // Two commits that wait in the outbox.
    const rows = await ledger.unpublished('old', 2)
    for (const { id } of rows.reverse()) await ledger.store.acknowledge([id])
    ledger.webhooks.wake()
    await eventually(() => expect(seqsOf(shop, 'old')).toEqual(upTo(4)))
  })

  test('gets only its events, of its users, of its tenant', async ({ ledger }) => {
    const all = await ledger.receiver()
    const some = await ledger.receiver({ userIds: ['eva'], events: ['transaction_completed'] })
    await ledger.change('eva')
    await ledger.change('fox')
    await ledger.change('eva', 100n, 'other')
    await ledger.change('eva')
    await eventually(() => {
      expect(all.received).toHaveLength(6)
      expect(some.received).toHaveLength(2)
    })
    expect(some.received.map(({ body }) => [body.type, body.userId, body.seq])).toEqual([
      ['transaction_completed', 'eva', 2],
      ['transaction_completed', 'eva', 4],
    ])
  })

  test('gets the events of a user who is added later from then on', async ({ ledger }) => {
    const shop = await ledger.receiver({ userIds: ['eva'] })
    await ledger.change('guy')
    await ledger.outbox.flush()
    await ledger.endpoints.change('default', shop.id, { userIds: ['guy'] })
    await ledger.change('eva')
    await ledger.change('guy')
    await eventually(() => expect(seqsOf(shop, 'guy')).toEqual([3, 4]))
    expect(shop.accepted('eva')).toEqual([])
  })

  test('gets nothing while it is paused, and everything afterwards', async ({ ledger }) => {
    const shop = await ledger.receiver()
    await ledger.endpoints.change('default', shop.id, { paused: true })
    await ledger.change('hal')
    await ledger.outbox.flush()
    await ledger.change('hal')
    expect(shop.received).toEqual([])
    await ledger.endpoints.change('default', shop.id, { paused: false })
    ledger.webhooks.wake()
    await eventually(() => expect(seqsOf(shop, 'hal')).toEqual(upTo(4)))
  })

  test('that answers 410 is paused', async ({ ledger }) => {
    const shop = await ledger.receiver()
    shop.behave(() => ({ status: 410 }))
    await ledger.change('ida')
    await eventually(async () => {
      const found = await ledger.endpoints.get('default', shop.id)
      expect(found).toMatchObject({ paused: true, pausedReason: 'gone' })
    })
    shop.behave(() => ({}))
    await ledger.change('ida')
    await ledger.outbox.flush()
    expect(shop.accepted()).toEqual([])
    await ledger.endpoints.change('default', shop.id, { paused: false })
    await eventually(() => expect(seqsOf(shop, 'ida')).toEqual(upTo(4)))
  })

  test('gets both signatures until the overlap of a rotation is over', async ({ ledger }) => {
    const shop = await ledger.receiver()
    const rotated = await ledger.endpoints.rotate('default', shop.id, 3600)
    await ledger.change('jon')
    await eventually(() => expect(shop.received).toHaveLength(2))
    const [first] = shop.received
    const verify = (secret: string, delivery = first) =>
      new Webhook(secret).verify(
        delivery?.text ?? '',
        (delivery?.headers ?? {}) as Record<string, string>,
      )
    expect(verify(shop.secret)).toEqual(verify(rotated?.secret ?? ''))
    await ledger.owner`
      update webhook_endpoints set previous_secret_until = clock_timestamp() - interval '1 s'`
    await ledger.change('jon')
    await eventually(() => expect(shop.received).toHaveLength(4))
    expect(verify(rotated?.secret ?? '', shop.received[3])).toBeTruthy()
    expect(() => verify(shop.secret, shop.received[3])).toThrow()
  })
})

test('what a commit marks for an endpoint that is being deleted is deleted with the next tidying', async ({
  ledger,
}) => {
  const shop = await ledger.receiver()
  await ledger.change('zoe')
  await eventually(() => expect(seqsOf(shop, 'zoe')).toEqual([1, 2]))
  const rows = () => ledger.owner`
    select endpoint_id from webhook_cursors union all select endpoint_id from webhook_attempts`
  await eventually(async () => expect(await rows()).toHaveLength(2))
  expect(await ledger.endpoints.delete('other', shop.id)).toBe(false)
  expect(await ledger.endpoints.delete('default', shop.id)).toBe(true)
  expect(await rows()).toEqual([])
  await ledger.owner`
    insert into webhook_cursors (endpoint_id, wallet_id, acked_seq, last_seq) values (${shop.id}, 1, 0, 1)`
  await ledger.owner`select webhook_tidy(1, interval '1 hour')`
  expect(await rows()).toEqual([])
})

test('marking users as due looks each of them up, however many users the endpoint has', async ({
  ledger,
}) => {
  const shop = await ledger.receiver()
  await Promise.all(['ann', 'bob', 'cem'].map((user) => ledger.change(user)))
  await eventually(() => expect(shop.accepted()).toHaveLength(6))
  const read = await ledger.owner.begin(async (sql) => {
    await sql`
      insert into webhook_cursors (endpoint_id, wallet_id, acked_seq, last_seq)
      select ${shop.id}, -n, 0, 0 from generate_series(1, 3000) as n`
    await sql`
      insert into delivery_feed (wallet_ids, after_seqs, last_seqs, at)
      select array[wallet_id], array[0], array[2], ledger_clock() from webhook_cursors where wallet_id > 0`
    const reads = async () => {
      const [row] = await sql<{ n: number }[]>`
        select (idx_tup_fetch + seq_tup_read)::float8 as n from pg_stat_xact_user_tables
        where relname = 'webhook_cursors'`
      return row?.n ?? 0
    }
    const before = await reads()
    await sql`select mark_deliveries(1000)`
    return (await reads()) - before
  })
  expect(read).toBeLessThan(100)
})

describe('a failed delivery', () => {
  test('is repeated as it was, and only then come later ones of the user', async ({ ledger }) => {
    const shop = await ledger.receiver()
    let failures = 2
    shop.behave(() => (failures-- > 0 ? { status: failures === 1 ? 500 : 302 } : {}))
    for (let i = 0; i < 3; i++) await ledger.change('dan')
    await eventually(() => expect(seqsOf(shop, 'dan')).toEqual(upTo(6)))
    const [first, ...again] = shop.received.slice(0, 3)
    for (const { headers, text } of again) {
      expect([headers['webhook-id'], text]).toEqual([first?.headers['webhook-id'], first?.text])
    }
    await eventually(() => expect(ledger.meter).toMatchObject({ delivered: 6, failed: 2 }))
  })

  test('delays no other user', async ({ ledger }) => {
    const shop = await ledger.receiver()
    shop.behave(({ body }) => ({ status: body.userId === 'kim' ? 500 : 200 }))
    await ledger.change('kim')
    await eventually(() => expect(shop.received).not.toHaveLength(0))
    await ledger.change('lea')
    await eventually(() => expect(seqsOf(shop, 'lea')).toEqual([1, 2]))
    await eventually(async () => {
      const [found] = await ledger.endpoints.list('default')
      expect(found).toMatchObject({ waitingUsers: 1, failingUsers: 1, setAsideUsers: 0 })
    })
    const [failing] = await ledger.endpoints.failing('default', shop.id)
    expect(failing).toMatchObject({ userId: 'kim', ackedSeq: 0, lastSeq: 2, error: 'status 500' })
  })

  test('delays no other receiver, even if it has many users and never answers', async ({
    ledger,
  }) => {
    const dead = await ledger.receiver()
    dead.behave(() => new Promise(() => {}))
    const shop = await ledger.receiver()
    const users = Array.from({ length: 30 }, (_, i) => `many-${i}`)
    await Promise.all(users.map((user) => ledger.change(user)))
    await eventually(() => {
      for (const user of users) expect(seqsOf(shop, user)).toEqual([1, 2])
    })
    // Its share of the deliveries under way.
    expect(dead.received.length).toBeLessThanOrEqual(PER_ENDPOINT)
  })

  test('delays no other receiver, even if ten of the tenant are slow', async ({ ledger }) => {
    let answer = () => {}
    const held = new Promise<void>((resolve) => {
      answer = resolve
    })
    const slow = await Promise.all(Array.from({ length: 10 }, () => ledger.receiver()))
    for (const { behave } of slow) behave(() => held.then(() => ({})))
    const users = Array.from({ length: 4 * PER_ENDPOINT }, (_, i) => `slow-${i}`)
    await Promise.all(users.map((user) => ledger.change(user)))
    const underWay = () => slow.reduce((sum, { received }) => sum + received.length, 0)
    await eventually(() => expect(underWay()).toBeGreaterThan(2 * PER_ENDPOINT))
    const shop = await ledger.receiver()
    for (let i = 0; i < 3; i++) {
      await ledger.change('fay')
      await eventually(() => expect(seqsOf(shop, 'fay')).toEqual(upTo(2 * i + 2)))
    }
    // No place became free meanwhile, by an answer or by none in time.
    expect(ledger.meter.failed).toBe(0)
    answer()
  })

  test('of everyone is tried one at a time, and all are sent once it works again', async ({
    ledger,
  }) => {
    const shop = await ledger.receiver()
    shop.behave(() => ({ status: 500 }))
    const users = Array.from({ length: 12 }, (_, i) => `down-${i}`)
    await Promise.all(users.map((user) => ledger.change(user)))
    await eventually(async () => {
      const [row] = await ledger.owner`select failures, retry_at from webhook_endpoints`
      expect(row?.failures).toBeGreaterThanOrEqual(10)
      expect(row?.retry_at).not.toBeNull()
    })
    const before = shop.received.length
    await eventually(() => expect(shop.received.length).toBeGreaterThan(before))
    expect(shop.received.slice(before).flatMap(({ others }) => others)).toEqual([])
    shop.behave(() => ({}))
    await eventually(() => {
      for (const user of users) expect(seqsOf(shop, user)).toEqual([1, 2])
    })
    expect(await ledger.owner`select failures from webhook_endpoints`).toEqual([{ failures: 0 }])
  })

  test('waits at least as long as the receiver asks for', async ({ ledger }) => {
    const shop = await ledger.receiver()
    shop.behave(() => ({ status: 503, headers: { 'Retry-After': '600' } }))
    await ledger.change('mia')
    await eventually(async () => {
      const [failing] = await ledger.endpoints.failing('default', shop.id)
      const wait = Date.parse(failing?.nextAttemptAt ?? '') - Date.now()
      expect(wait).toBeGreaterThan(590_000)
      expect(wait).toBeLessThan(661_000)
    })
  })

  test('is set aside after three days with what follows, and a replay sends all', async ({
    ledger,
  }) => {
    const shop = await ledger.receiver()
    shop.behave(() => ({ status: 500 }))
    await ledger.change('ned')
    await eventually(async () =>
      expect(await ledger.endpoints.failing('default', shop.id)).toHaveLength(1),
    )
    await ledger.owner`
      update webhook_cursors set next_attempt_at = now(), failing_since = now() - interval '73 hours'
      where claimed_by is null`
    const setAside = { userId: 'ned', ackedSeq: 0, setAsideAt: expect.any(String) }
    await eventually(async () => {
      expect(await ledger.endpoints.failing('default', shop.id)).toMatchObject([setAside])
    })
    shop.behave(() => ({}))
    await ledger.change('ned')
    await eventually(async () => {
      expect(await ledger.endpoints.failing('default', shop.id)).toMatchObject([
        { ...setAside, lastSeq: 4 },
      ])
    })
    expect(shop.accepted()).toEqual([])
    expect(ledger.meter.setAsides).toBe(1)
    expect(await ledger.endpoints.replayAll('default', shop.id)).toBe(1)
    ledger.webhooks.wake()
    await eventually(() => expect(seqsOf(shop, 'ned')).toEqual(upTo(4)))
    expect(await ledger.endpoints.failing('default', shop.id)).toEqual([])
  })
})

describe('a receiver that says what it has', () => {
  test.for([
    ['by a header', (seq: number) => ({ headers: { 'Livebalance-Have-Seq': String(seq) } })],
    [
      'by its JSON',
      (seq: number) => ({
        ...{ status: 200, headers: { 'Content-Type': 'application/json' } },
        body: JSON.stringify({ seq }),
      }),
    ],
    [
      'by a conflict',
      (seq: number) => ({ status: 409, headers: { 'Livebalance-Have-Seq': String(seq) } }),
    ],
  ] as const)('is sent the rest: %s', async ([how, says], { ledger }) => {
    const oda = `oda-${how.replaceAll(' ', '-')}`
    const shop = await ledger.receiver()
    await ledger.change(oda)
    await ledger.change(oda)
    await eventually(() => expect(seqsOf(shop, oda)).toEqual(upTo(4)))
    // It lost 2 to 4.
    let lost = true
    shop.behave(() => {
      if (!lost) return {}
      lost = false
      return says(1)
    })
    const before = shop.received.length
    await ledger.change(oda)
    await eventually(() => {
      expect(shop.received.slice(before).map(({ body }) => body.seq)).toEqual([5, 2, 3, 4, 5, 6])
    })
  })

  test('of before the ledger was restored, is sent what it says to have by another epoch', async ({
    ledger,
  }) => {
    const shop = await ledger.receiver()
    const json = { 'Content-Type': 'application/json' }
    shop.behave(({ body }) =>
      body.seq % 2 === 0
        ? { headers: { 'Livebalance-Have-Seq': 'before:99' } }
        : { status: 200, headers: json, body: JSON.stringify({ id: 'before:99' }) },
    )
    await ledger.endpoints.change('default', shop.id, { paused: true })
    for (let i = 0; i < 2; i++) await ledger.change('peg')
    await ledger.outbox.flush()
    await ledger.endpoints.change('default', shop.id, { paused: false })
    ledger.webhooks.wake()
    await eventually(() => expect(seqsOf(shop, 'peg')).toEqual(upTo(4)))
    // Of this epoch it is believed.
    const { epoch } = ledger.store
    await ledger.endpoints.replay('default', shop.id, 'peg', 0)
    shop.behave(() => ({ headers: { 'Livebalance-Have-Seq': `${epoch}:4` } }))
    const before = shop.received.length
    await ledger.change('peg')
    await eventually(() => {
      expect(shop.received.slice(before).map(({ body }) => body.seq)).toEqual([1, 5])
    })
  })

  test('is not sent what it has', async ({ ledger }) => {
    const shop = await ledger.receiver()
    await ledger.endpoints.change('default', shop.id, { paused: true })
    for (let i = 0; i < 3; i++) await ledger.change('pia')
    await ledger.outbox.flush()
    shop.behave(({ body }) => ({ headers: { 'Livebalance-Have-Seq': body.seq === 1 ? '5' : '6' } }))
    await ledger.endpoints.change('default', shop.id, { paused: false })
    ledger.webhooks.wake()
    await eventually(() => expect(seqsOf(shop, 'pia')).toEqual([1, 6]))
  })

  test('and never has enough is asked less and less often', async ({ ledger }) => {
    const shop = await ledger.receiver()
    shop.behave(() => ({ headers: { 'Livebalance-Have-Seq': '0' } }))
    await ledger.change('quy')
    await eventually(async () => {
      const [failing] = await ledger.endpoints.failing('default', shop.id)
      expect(failing).toMatchObject({ ackedSeq: 0, error: 'has only seq 0' })
      // The fifth pause is from 1.6 to 3.2 s long.
      expect(failing?.attempts).toBe(5)
      expect(Date.parse(failing?.nextAttemptAt ?? '') - Date.now()).toBeGreaterThan(500)
    })
    expect(shop.received.map(({ body }) => body.seq)).toEqual([1, 1, 1, 1, 1])
  })
})

describe('a replay', () => {
  test('sends a user’s events after a seq again, as the same deliveries', async ({ ledger }) => {
    const shop = await ledger.receiver()
    await ledger.change('rob')
    await ledger.change('rob')
    await eventually(() => expect(shop.received).toHaveLength(4))
    expect(await ledger.endpoints.replay('default', shop.id, 'rob', 2)).toBe(true)
    ledger.webhooks.wake()
    await eventually(() => expect(shop.received).toHaveLength(6))
    const id = (i: number) => shop.received[i]?.headers['webhook-id']
    expect([id(4), id(5)]).toEqual([id(2), id(3)])
  })

  test('waits for the delivery under way', async ({ ledger }) => {
    const shop = await ledger.receiver()
    let answer = () => {}
    const held = new Promise<void>((resolve) => {
      answer = resolve
    })
    await ledger.endpoints.change('default', shop.id, { paused: true })
    for (let i = 0; i < 2; i++) await ledger.change('sam')
    await ledger.outbox.flush()
    shop.behave(async ({ body }) => {
      if (body.seq === 3) await held
      return {}
    })
    await ledger.endpoints.change('default', shop.id, { paused: false })
    ledger.webhooks.wake()
    await eventually(() => expect(shop.received).toHaveLength(3))
    await ledger.endpoints.replay('default', shop.id, 'sam', 0)
    ledger.webhooks.wake()
    answer()
    await eventually(() => {
      const seqs = shop.received.map(({ body }) => body.seq)
      expect(seqs.slice(-4)).toEqual(upTo(4))
      expect(seqs.length).toBeGreaterThan(6)
    })
    expect(shop.received.flatMap(({ others }) => others)).toEqual([])
  })

  test('of a user whom the ledger does not know is refused', async ({ ledger }) => {
    const shop = await ledger.receiver()
    expect(await ledger.endpoints.replay('default', shop.id, 'nobody', 0)).toBe(false)
  })
})

describe('events that were deleted before they could be sent', () => {
  test('are stated, and the rest follows', async ({ ledger }) => {
    const shop = await ledger.receiver()
    await ledger.endpoints.change('default', shop.id, { paused: true })
    for (let i = 0; i < 2; i++) await ledger.change('tom')
    await ledger.change('uma')
    await ledger.outbox.flush()
    await ledger.owner`
      delete from event_rows e using wallets w
      where w.id = e.wallet_id and (w.user_id = 'uma' or w.user_id = 'tom' and e.seq <= 2)`
    await ledger.endpoints.change('default', shop.id, { paused: false })
    ledger.webhooks.wake()
    await eventually(() => expect(shop.received).toHaveLength(4))
    const bodies = (userId: string) => shop.accepted(userId).map(({ body }) => body)
    expect(bodies('tom')).toMatchObject([
      {
        type: 'events_skipped',
        data: { userId: 'tom', fromSeq: 1, toSeq: 2, id: `${ledger.store.epoch}:2` },
      },
      { type: 'balance_updated', data: { seq: 3 } },
      { type: 'transaction_completed', data: { seq: 4 } },
    ])
    expect(bodies('uma')).toMatchObject([
      { type: 'events_skipped', data: { fromSeq: 1, toSeq: 2 } },
    ])
  })

  test('are kept for three days while they are tried, and not longer', async ({ ledger }) => {
    const shop = await ledger.receiver()
    await ledger.endpoints.change('default', shop.id, { paused: true })
    await ledger.change('vic')
    await ledger.outbox.flush()
    await eventually(async () =>
      expect(await ledger.endpoints.list('default')).toMatchObject([{ waitingUsers: 1 }]),
    )
    await ledger.owner`
      update event_rows e set created_at = e.created_at - interval '2 days' from wallets w
      where w.id = e.wallet_id and w.user_id = 'vic'`
    await ledger.owner`update event_generations set began_at = began_at - interval '2 days'`
    const prune = async () => {
      await ledger.owner`select prune_events(interval '1 day', 0, 1000)`
      return (await ledger.store.eventsAfter({ tenant: 'default', userId: 'vic' }, 0, 9)).events
    }
    expect(await prune()).toHaveLength(2)
    // The endpoint has the first event of the change.
    await ledger.owner`update webhook_cursors set acked_seq = 1`
    expect(await prune()).toHaveLength(2)
    await ledger.owner`update webhook_cursors set waiting_since = now() - interval '73 hours'`
    expect(await prune()).toEqual([])
  })
})
