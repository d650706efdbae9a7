import { readFileSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { payment, request } from '../support/conformance/api.ts'
import { conformance, test } from '../support/conformance/fixtures.ts'
import { eventually, mintToken } from '../support/index.ts'

conformance('REST', () => {
  describe('identity', () => {
    test('without a token: 401, the reason, and how to authenticate', async ({ server }) => {
      const { status, body, headers } = await request(`${server.url}/transactions/balance`, 'GET')
      expect([status, body.code, body.details.reason]).toEqual([401, 'unauthorized', 'missing'])
      expect(headers.get('www-authenticate')).toBe('Bearer')
    })

    test.for([
      ['malformed', () => Promise.resolve('nonsense')],
      ['signature', () => mintToken({ sub: 'a', secret: 'another secret of at least 32 bytes' })],
      ['expired', () => mintToken({ sub: 'a', expiresIn: -60 })],
    ] as const)('a token that is no good: 401 %s', async ([reason, make], { server }) => {
      const headers = { Authorization: `Bearer ${await make()}` }
      const answer = await request(`${server.url}/transactions/balance`, 'GET', { headers })
      expect([answer.status, answer.body.details.reason]).toEqual([401, reason])
    })

    test('a user is no admin: 403', async ({ people }) => {
      const user = await people.user()
      const { status, body } = await user.get('/transactions/all')
      expect([status, body.code]).toEqual([403, 'forbidden'])
    })
  })

  describe('every answer', () => {
    test('has the envelope for an error, and the id of the request', async ({ server }) => {
      const headers = { 'X-Request-Id': 'mine-1' }
      const answer = await request(`${server.url}/nowhere`, 'GET', { headers })
      expect(answer.status).toBe(404)
      expect(answer.body).toEqual({
        code: 'not_found',
        message: expect.any(String),
        requestId: 'mine-1',
      })
      expect(answer.headers.get('x-request-id')).toBe('mine-1')
      expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
    })

    test('may be stored by no cache and framed by no page', async ({ people }) => {
      const { headers } = await (await people.user()).get('/transactions/balance')
      expect(Object.fromEntries(headers)).toMatchObject({
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
      })
    })

    test('to HEAD has the headers of GET and no body', async ({ people }) => {
      const { status, text, headers } = await (await people.user()).call(
        'HEAD',
        '/transactions/balance',
      )
      expect([status, text]).toEqual([200, ''])
      expect(headers.get('content-type')).toMatch(/^application\/json/)
    })
  })

  describe('money', () => {
    test('an approved topup raises the balance, a rejected one does not', async ({ people }) => {
      const user = await people.user()
      const admin = await people.admin()
      for (const [status, balance] of [
        ['failed', 0],
        ['success', 50],
      ]) {
        const asked = await user.post('/transactions/topup', { amount: 50 })
        expect([asked.status, asked.body.status]).toEqual([201, 'pending'])
        const path = `/transactions/topup/${asked.body.id}/process`
        const decided = await admin.call('PATCH', path, { body: { status } })
        expect([decided.status, decided.body.status]).toEqual([200, status])
        expect(await user.balance()).toBe(balance)
        const again = await admin.call('PATCH', path, { body: { status } })
        expect([again.status, again.body.code]).toEqual([409, 'already_processed'])
      }
    })

    test('a payment lowers it; beyond it, 402 with the figures', async ({ people }) => {
      const user = await people.payer(50)
      const paid = await user.post('/transactions', payment(19.5))
      expect(paid).toMatchObject({ status: 201, body: { amount: -19.5, newBalance: 30.5 } })
      const refused = await user.post('/transactions', payment(100))
      expect([refused.status, refused.body.code]).toEqual([402, 'insufficient_funds'])
      expect(refused.body.details).toMatchObject({
        requiredAmount: 100,
        currentBalance: 30.5,
        shortfall: 69.5,
      })
      expect(await user.balance()).toBe(30.5)
    })

    test('refunds return a payment, and never more than it', async ({ people }) => {
      const user = await people.payer(50)
      const admin = await people.admin()
      const { body } = await user.post('/transactions', payment(30))
      const refund = (amount: number) => admin.post(`/transactions/${body.id}/refund`, { amount })
      expect((await refund(20)).status).toBe(201)
      expect((await refund(20)).body.code).toBe('refund_exceeds_payment')
      expect(await user.balance()).toBe(40)
    })

    test('a hold lowers what is available; a capture takes a part of it', async ({ people }) => {
      const user = await people.payer(50)
      const { status, body: hold } = await user.post('/transactions/hold', { amount: 30 })
      expect(status).toBe(201)
      const { body } = await user.get('/transactions/balance')
      expect(body).toMatchObject({ balance: 50, held: 30, available: 20 })
      await user.post(`/transactions/hold/${hold.id}/capture`, { amount: 12 })
      const after = await user.get('/transactions/balance')
      expect(after.body).toMatchObject({ balance: 38, held: 0, available: 38 })
    })

    test('a transfer moves money to another user', async ({ people }) => {
      const user = await people.payer(50)
      const other = await people.payer(1)
      const sent = await user.post('/transactions/transfer', { toUserId: other.id, amount: 20 })
      expect(sent.status).toBe(201)
      expect([await user.balance(), await other.balance()]).toEqual([30, 21])
    })

    test('a withdrawal is held until an admin decides', async ({ people }) => {
      const user = await people.payer(50)
      const { body } = await user.post('/transactions/withdrawal', { amount: 10 })
      const path = `/transactions/withdrawal/${body.id}/process`
      const admin = await people.admin()
      const done = await admin.call('PATCH', path, { body: { status: 'success' } })
      expect(done.status).toBe(200)
      expect(await user.balance()).toBe(40)
    })

    test('an amount keeps every digit', async ({ people }) => {
      const user = await people.user()
      const raw = '{"amount":90071992547409.91}'
      const headers = { 'Content-Type': 'application/json' }
      const asked = await user.call('POST', '/transactions/topup', { raw, headers })
      expect(asked.text).toContain('"amount":90071992547409.91,')
      const admin = await people.admin()
      await admin.call('PATCH', `/transactions/topup/${asked.body.id}/process`, {
        body: { status: 'success' },
      })
      expect((await user.get('/transactions/balance')).text).toContain(
        '"balance":90071992547409.91,',
      )
    })

    test('the balance comes from the cache once it is there', async ({ people }) => {
      const user = await people.payer(12.5)
      await eventually(async () => {
        const { body } = await user.get('/transactions/balance/cached')
        expect(body).toEqual({ balance: 12.5, cached: true })
      })
    })

    test('the audit finds nothing', async ({ people }) => {
      const { body } = await (await people.admin()).get('/transactions/audit')
      expect(body.discrepancies).toEqual([])
      expect(body.total).toBeGreaterThan(0)
    })
  })

  describe('an idempotency key', () => {
    test('gives the first answer again, and moves no money', async ({ people }) => {
      const user = await people.payer(50)
      const pay = () => user.post('/transactions', payment(10), { 'Idempotency-Key': 'order 1' })
      const first = await pay()
      const second = await pay()
      expect(second.body).toEqual(first.body)
      expect(first.headers.get('idempotency-replayed')).toBeNull()
      expect(second.headers.get('idempotency-replayed')).toBe('true')
      expect(await user.balance()).toBe(40)
      const other = await user.post('/transactions', payment(11), { 'Idempotency-Key': 'order 1' })
      expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused'])
    })

    test('is one payment, however many send it at once', async ({ people }) => {
      const user = await people.payer(50)
      const pay = () => user.post('/transactions', payment(10), { 'Idempotency-Key': 'order 2' })
      const answers = await Promise.all(Array.from({ length: 10 }, pay))
      expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
      expect(await user.balance()).toBe(40)
    })
  })

  describe('lists', () => {
    test('come in pages', async ({ people }) => {
      const user = await people.payer(50)
      for (let i = 0; i < 3; i++) await user.post('/transactions', payment(1))
      const first = await user.get('/transactions/my-transactions?limit=3')
      expect(first.body.items).toHaveLength(3)
      const cursor = encodeURIComponent(first.body.nextCursor)
      const rest = await user.get(`/transactions/my-transactions?limit=3&cursor=${cursor}`)
      expect(rest.body).toMatchObject({ items: [{ type: 'topup' }], nextCursor: null })
    })

    test.for(['csv', 'ndjson'])('are exported as %s', async (format, { people }) => {
      const user = await people.payer(50)
      const { status, text } = await user.get(`/transactions/export?format=${format}`)
      expect(status).toBe(200)
      const lines = text.trim().split('\n')
      expect(lines).toHaveLength(format === 'csv' ? 2 : 1)
      expect(lines.at(-1)).toContain('topup')
    })
  })

  describe('documents', () => {
    test.for(['gzip', 'br', 'identity'])(
      'come as %s, with a tag that saves the next download',
      async (encoding, { server }) => {
        const headers = { 'Accept-Encoding': encoding }
        const url = `${server.url}/openapi.json`
        const first = await request(url, 'GET', { headers })
        expect(first.body.openapi).toMatch(/^3\./)
        expect(first.headers.get('content-encoding')).toBe(
          encoding === 'identity' ? null : encoding,
        )
        const tag = first.headers.get('etag') ?? ''
        const again = await request(url, 'GET', { headers: { ...headers, 'If-None-Match': tag } })
        expect([again.status, again.text]).toEqual([304, ''])
      },
    )

    test('the wallet page is served', async ({ server }) => {
      const { status, headers, text } = await request(server.url, 'GET')
      expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
      expect(text).toContain('<script')
    })
  })

  describe('operation', () => {
    test('the process is live and ready', async ({ server }) => {
      // Neither is true in a moment in which other work holds the process up.
      for (const state of ['live', 'ready']) {
        await eventually(async () => {
          const { status, body } = await request(`${server.url}/health/${state}`, 'GET')
          expect([status, body.status]).toEqual([200, state])
        })
      }
    })

    test('metrics count the requests and time them sanely', async ({ people, server }) => {
      const began = performance.now()
      const user = await people.user()
      for (let i = 0; i < 3; i++) await user.get('/transactions/balance/snapshot')
      const { text, headers } = await request(`${server.url}/metrics`, 'GET')
      const elapsed = (performance.now() - began) / 1000
      expect(headers.get('content-type')).toMatch(/^text\/plain/)
      const value = (name: string) => {
        const line = text
          .split('\n')
          .find((line) => line.startsWith(`${name}{`) && line.includes('/balance/snapshot'))
        return Number(line?.split(' ').at(-1))
      }
      expect(value('livebalance_http_request_duration_seconds_count')).toBe(3)
      const seconds = value('livebalance_http_request_duration_seconds_sum')
      expect(seconds).toBeGreaterThan(0)
      expect(seconds).toBeLessThan(elapsed)
    })

    test('the log says how long each write took', async ({ people, server }) => {
      const began = performance.now()
      const user = await people.user()
      await user.post('/transactions/topup', { amount: 1 }, { 'X-Request-Id': user.id })
      const elapsed = performance.now() - began
      const line = await eventually(() => {
        const lines = readFileSync(server.logFile, 'utf8').split('\n')
        const found = lines.find((text) => text.includes(`"requestId":"${user.id}"`))
        expect(found).toBeDefined()
        return JSON.parse(found ?? '')
      })
      expect(line).toMatchObject({ msg: 'request', status: 201, sub: user.id })
      expect(line.durationMs).toBeGreaterThan(0)
      expect(line.durationMs).toBeLessThan(elapsed)
    })
  })
})
