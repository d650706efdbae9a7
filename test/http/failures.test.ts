import { describe, expect, test } from 'vitest'
import { ApiError } from '../../src/lib/api-error.ts'
import { DatabaseUnavailable } from '../../src/postgres/errors.ts'
import { bearer, edge } from '../support/http/stub.ts'

describe('when something behind the edge fails', () => {
  async function failing(execute: () => Promise<never>, requestTimeoutMs = 5_000) {
    const { app } = edge({ executor: { execute }, requestTimeoutMs })
    const response = await app.request('/transactions/topup', {
      method: 'POST',
      headers: { ...(await bearer()), 'Content-Type': 'application/json' },
      body: '{"amount": 5}',
    })
    return { response, text: await response.text() }
  }

  test('a bug is 500 and tells nothing of itself', async () => {
    const { response, text } = await failing(async () => {
      throw new Error('relation "secret_table" does not exist')
    })
    expect(response.status).toBe(500)
    expect(JSON.parse(text)).toMatchObject({ code: 'internal' })
    expect(text).not.toMatch(/secret_table|at |\.ts/)
  })

  test.each(['ECONNREFUSED', 'CONNECT_TIMEOUT', '57P03', '53300'])(
    'an outage (%s) in which nothing was applied is 503 with Retry-After',
    async (code) => {
      const { response, text } = await failing(async () => {
        throw Object.assign(new Error('connect 10.0.0.7:5432'), { code })
      })
      expect(response.status).toBe(503)
      expect(response.headers.get('Retry-After')).toBe('1')
      expect(JSON.parse(text)).toMatchObject({ code: 'unavailable' })
      expect(text).not.toContain('10.0.0.7')
    },
  )

  test.each(['ECONNRESET', 'CONNECTION_CLOSED', '57P01', '40003'])(
    'an outage (%s) in which it may have been applied is 503 timeout, and asks for no repeat',
    async (code) => {
      const { response, text } = await failing(async () => {
        throw Object.assign(new Error('10.0.0.7'), { code })
      })
      expect(response.status).toBe(503)
      expect(response.headers.get('Retry-After')).toBeNull()
      expect(JSON.parse(text)).toMatchObject({ code: 'timeout' })
      expect(text).not.toContain('10.0.0.7')
    },
  )

  test('so is what the ledger itself calls an outage', async () => {
    const { response, text } = await failing(async () => {
      throw new DatabaseUnavailable(false, new Error('10.0.0.7'))
    })
    expect(response.status).toBe(503)
    expect(text).not.toContain('10.0.0.7')
  })

  test('what hangs is answered at the time limit', async () => {
    const { response, text } = await failing(() => new Promise(() => {}), 0.05)
    expect(response.status).toBe(503)
    expect(JSON.parse(text)).toMatchObject({ code: 'timeout' })
    expect(response.headers.get('Retry-After')).toBeNull()
  })

  test('a refusal keeps its details, in major units', async () => {
    const { app } = edge({
      executor: {
        execute: async () => ({
          ok: false,
          code: 'insufficient_funds',
          replayed: true,
          details: {
            currency: 'USD',
            requiredAmount: 9_007_199_254_740_991n,
            currentBalance: 5_00n,
            shortfall: 9_007_199_254_740_491n,
          },
        }),
      },
    })
    const response = await app.request('/transactions', {
      method: 'POST',
      headers: { ...(await bearer()), 'Content-Type': 'application/json' },
      body: '{"type": "booking_payment", "amount": "90071992547409.91"}',
    })
    expect(response.status).toBe(402)
    expect(response.headers.get('Idempotency-Replayed')).toBe('true')
    const text = await response.text()
    expect(text).toContain('"requiredAmount":90071992547409.91')
    expect(JSON.parse(text).details).toMatchObject({ currency: 'USD', currentBalance: 5 })
  })

  test('an ApiError of ours is passed on as it is', async () => {
    const { response, text } = await failing(async () => {
      throw new ApiError(503, 'shutting_down', 'Try the next one.', { retryAfter: 3 })
    })
    expect(response.headers.get('Retry-After')).toBe('3')
    expect(JSON.parse(text)).toMatchObject({ code: 'shutting_down', message: 'Try the next one.' })
  })
})
