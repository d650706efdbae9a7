import { describe, expect } from 'vitest'
import { admin, alice, bob, service, test } from '../support/routes/ledger-app.ts'

type Item = { id: string; type: string; metadata: unknown }

test.beforeAll(async ({ api }) => {
  await api.fund('alice', 1000)
  await api.fund('bob', 5)
})

describe('metadata', () => {
  test('is kept with the transaction of every command, and added to when it is settled', async ({
    api,
  }) => {
    const opened = async (request: string, body: object, caller = alice) =>
      (await api.call(caller, request, { amount: 5, metadata: { order: 1 }, ...body })).body
    const paid = await opened('POST /transactions', { type: 'booking_payment' })
    const sent = await opened('POST /transactions/transfer', { toUserId: 'bob' })
    const held = await opened('POST /transactions/hold', {})
    const asked = await opened('POST /transactions/topup', {})
    const taken = await opened('POST /transactions/withdrawal', {})
    const voided = await opened('POST /transactions/hold', {})
    const dropped = await opened('POST /transactions/topup', {})
    const adjusted = await opened(
      'POST /transactions/adjustment',
      { userId: 'bob', description: 'a gift' },
      admin,
    )
    const refunded = await opened(`POST /transactions/${paid.id}/refund`, {}, admin)
    for (const { metadata } of [paid, held, asked, taken, adjusted, refunded])
      expect(metadata).toEqual({ order: 1 })
    expect(sent.metadata).toEqual({ order: 1, toUserId: 'bob' })

    const settled = async (caller: typeof alice, request: string, body: object = {}) =>
      (await api.call(caller, request, { ...body, metadata: { by: 'desk', order: 2 } })).body
    const process = { status: 'success' }
    for (const { metadata } of [
      await settled(alice, `POST /transactions/hold/${held.id}/capture`),
      await settled(alice, `POST /transactions/hold/${voided.id}/void`),
      await settled(alice, `POST /transactions/topup/${dropped.id}/cancel`),
      await settled(admin, `PATCH /transactions/topup/${asked.id}/process`, process),
      await settled(admin, `PATCH /transactions/withdrawal/${taken.id}/process`, process),
    ])
      expect(metadata).toEqual({ by: 'desk', order: 2 })
    const { body } = await api.call(alice, `GET /transactions/${held.id}`)
    expect(body.metadata).toEqual({ by: 'desk', order: 2 })
  })

  test('of a sender is not shown to the receiver', async ({ api }) => {
    const metadata = { secret: 'a surprise' }
    await api.call(alice, 'POST /transactions/transfer', { toUserId: 'bob', amount: 1, metadata })
    const { body } = await api.call(bob, 'GET /transactions/my-transactions?limit=1')
    expect(body.items[0].metadata).toEqual({ fromUserId: 'alice' })
  })

  test('is the same to an idempotency key, whatever the order of its keys', async ({ api }) => {
    const pay = (metadata: object) =>
      api.call(
        alice,
        'POST /transactions',
        { type: 'booking_payment', amount: 1, metadata },
        { 'Idempotency-Key': 'with-metadata' },
      )
    const first = await pay({ a: { x: 1, y: 2 }, b: 2 })
    const again = await pay({ b: 2, a: { y: 2, x: 1 } })
    expect([again.body.id, again.headers.get('idempotency-replayed')]).toEqual([
      first.body.id,
      'true',
    ])
    expect((await pay({ a: 3 })).status).toBe(422)
  })

  const deep = (levels: number): unknown => (levels === 0 ? 1 : { in: deep(levels - 1) })

  test.for<[string, string]>([
    ['a list', '[1]'],
    ['null', 'null'],
    ['text', '"x"'],
    ['a long number', '{"n": 12345678901234567890}'],
    ['an infinite number', '{"n": 1e999}'],
    ['NUL', '{"t": "\\u0000"}'],
    ['half a character in a key', '{"\\ud800": 1}'],
    ['more than 4 KiB', JSON.stringify({ t: 'ü'.repeat(2_045) })],
    ['short numbers of many digits', `{"n": [${Array(14).fill('1e300').join()}]}`],
    ['too many levels', JSON.stringify(deep(17))],
    ['thousands of levels', `{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`],
    ['a key of the ledger’s own', '{"toUserId": "bob"}'],
  ])('%s is refused', async ([, metadata], { api }) => {
    const answer = await api.call(
      alice,
      'POST /transactions',
      `{"type": "booking_payment", "amount": 1, "metadata": ${metadata}}`,
    )
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request'])
    expect(answer.body.message).toMatch(/^metadata: /)
  })

  test('of exactly 4 KiB and 16 levels is stored to the letter', async ({ api }) => {
    const longest = { t: 'ü'.repeat(2_044) }
    for (const metadata of [longest, deep(16), { __proto__x: [null, true, 1.5, ''] }, {}]) {
      const { body } = await api.call(service, 'POST /transactions', {
        ...{ type: 'booking_payment', amount: 1, userId: 'alice', metadata },
      })
      expect((await api.call(alice, `GET /transactions/${body.id}`)).body.metadata).toEqual(
        metadata,
      )
    }
  })

  test('of a transaction stays within 4 KiB, however many commands add to it', async ({ api }) => {
    const open = async (request: string, fields: object) =>
      (await api.call(alice, request, { amount: 1, ...fields })).body.id as string
    const add = async (caller: typeof alice, request: string, fields: object) =>
      (await api.call(caller, request, fields)).body
    // 4,096 bytes together: the keys and numbers, and a text for the rest.
    const first = { list: Array(500).fill(1), of: { a: 1, b: 2 }, text: 'ü"\n' }
    const left = 4_096 - Buffer.byteLength(JSON.stringify({ ...first, more: '' }))
    const fits = { more: 'x'.repeat(left) }
    const tooLong = { more: 'x'.repeat(left + 1) }
    const refused = { code: 'invalid_command', details: { field: 'metadata' } }

    const hold = await open('POST /transactions/hold', { metadata: first })
    const capture = { amount: 0.1, final: false }
    for (const [step, fields] of [
      ['capture', { ...capture, metadata: tooLong }],
      ['extend', { expiresIn: 60, metadata: tooLong }],
      ['capture', { metadata: tooLong }],
      ['void', { metadata: tooLong }],
    ] as const)
      expect(await add(alice, `POST /transactions/hold/${hold}/${step}`, fields)).toMatchObject(
        refused,
      )
    const captured = `POST /transactions/hold/${hold}/capture`
    expect(await add(alice, captured, { ...capture, metadata: fits })).toMatchObject({
      status: 'pending',
      capturedAmount: 0.1,
      metadata: { ...first, ...fits },
    })
    expect(await add(alice, captured, { ...capture, metadata: { n: 1 } })).toMatchObject(refused)
    expect(await add(alice, captured, { metadata: { more: '' } })).toMatchObject({
      status: 'success',
    })

    for (const type of ['topup', 'withdrawal']) {
      const id = await open(`POST /transactions/${type}`, { metadata: first })
      const process = `PATCH /transactions/${type}/${id}/process`
      const decision = { status: 'failed', metadata: tooLong }
      expect(await add(admin, process, decision)).toMatchObject(refused)
      expect(await add(admin, process, { status: 'failed' })).toMatchObject({ status: 'failed' })
    }
  })
})

describe('lists', () => {
  test('are searched by reference and by metadata, each user in what they may see', async ({
    api,
  }) => {
    const pay = async (fields: object) =>
      (
        await api.call(service, 'POST /transactions', {
          ...{ type: 'booking_payment', amount: 1, userId: 'alice', ...fields },
        })
      ).body.id as string
    const first = await pay({ referenceId: 'R-1', metadata: { cart: 'c&1', n: 7, ok: true } })
    const second = await pay({ referenceId: 'R-2', metadata: { cart: 'c&1', n: '7' } })
    const found = async (caller: typeof alice, path: string) =>
      (await api.call(caller, `GET /transactions/${path}`)).body.items.map((item: Item) => item.id)
    for (const [caller, list] of [
      [alice, 'my-transactions?'],
      [admin, 'all?'],
      [admin, 'all?userId=alice&'],
    ] as const) {
      expect(await found(caller, `${list}referenceId=R-1`)).toEqual([first])
      expect(await found(caller, `${list}referenceId=R-3`)).toEqual([])
      expect(await found(caller, `${list}metadata.cart=c%261`)).toEqual([second, first])
      expect(await found(caller, `${list}metadata.cart=c%261&limit=1`)).toEqual([second])
      // A query string has no types: 7 finds both.
      expect(await found(caller, `${list}metadata[n]=7`)).toEqual([second, first])
      expect(await found(caller, `${list}metadata.n=7&metadata.ok=true`)).toEqual([first])
      expect(await found(caller, `${list}metadata.n=07`)).toEqual([])
    }
    expect(await found(bob, 'my-transactions?referenceId=R-1')).toEqual([])
    expect(await found(bob, 'my-transactions?metadata.cart=c%261')).toEqual([])
    const exported = await api.call(alice, 'GET /transactions/export?referenceId=R-2')
    expect(exported.text.trim().split('\n')).toHaveLength(2)
  })

  test.for([
    'metadata=x',
    'metadata.=x',
    'metadata.a=1&metadata.a=2',
    'metadata.a=1&metadata[a]=2',
    'metadata.a=1&metadata.b=1&metadata.c=1&metadata.d=1&metadata.e=1&metadata.f=1',
    'metadata.a=%00',
  ])('?%s is refused', async (search, { api }) => {
    const { status } = await api.call(alice, `GET /transactions/my-transactions?${search}`)
    expect(status).toBe(400)
  })
})
