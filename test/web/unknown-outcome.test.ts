import { afterEach, expect, test, vi } from 'vitest'
import { createApi } from '../../src/client/index.ts'
import { createApi as createPagesApi } from '../../web/lib/api.ts'
import type { SessionKeeper } from '../../web/lib/session.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

/** Answers after which nobody knows whether the request was done. */
const UNKNOWN: [name: string, answer: () => Promise<Response>][] = [
  ['the server does not know it', async () => Response.json({ code: 'timeout' }, { status: 503 })],
  ['the connection breaks', () => Promise.reject(new TypeError('fetch failed'))],
]

test.each(UNKNOWN)('where %s, the client library sends nothing again', async (_, answer) => {
  const fetch = vi.fn(answer)
  const api = createApi({ url: 'http://localhost', getToken: () => 'a', fetch })
  const json = { type: 'booking_payment' as const, amount: 1 }
  await api.transactions.$post({ json }).catch(() => {})
  expect(fetch).toHaveBeenCalledTimes(1)
})

test.each(UNKNOWN)('where %s, the pages send nothing again by themselves', async (_, answer) => {
  const fetch = vi.fn((_input: string, _init: RequestInit) => answer())
  vi.stubGlobal('fetch', fetch)
  const session = { token: async () => 'a', getSnapshot: () => ({ demo: true }) }
  const api = createPagesApi(session as unknown as SessionKeeper)
  await expect(api.post('/transactions', { amount: 1 }, 'key')).rejects.toThrow()
  await expect(api.patch('/transactions/topup/x/process', {})).rejects.toThrow()
  expect(fetch).toHaveBeenCalledTimes(2)

  // The user's second attempt has the same key.
  await expect(api.post('/transactions', { amount: 1 }, 'key')).rejects.toThrow()
  const keys = fetch.mock.calls.map(([, init]) => new Headers(init.headers).get('Idempotency-Key'))
  expect(keys).toEqual(['key', null, 'key'])
})
