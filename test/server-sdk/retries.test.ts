import { describe, expect, test, vi } from 'vitest'
import { LivebalanceError } from '../../src/server-sdk/index.ts'
import { mintToken } from '../support/index.ts'
import { problem, recordingClient, type Scripted } from '../support/server-sdk/recording-client.ts'

const DONE = () => Response.json({ id: 'done' })
const payment = { userId: 'alice', amount: 30 }
const unavailable = (retryAfter: string) =>
  problem(503, 'unavailable', { headers: { 'Retry-After': retryAfter } })

/** An answer that never comes, unless the attempt ends it. */
const silence = ({ signal }: RequestInit) =>
  new Promise<never>((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason))
  })

const rejection = async (promise: PromiseLike<unknown>) => {
  const error = await promise.then(
    () => expect.fail('it succeeded'),
    (reason) => reason,
  )
  expect(error).toBeInstanceOf(LivebalanceError)
  return error as LivebalanceError
}

describe('a write is sent again, with the same key and body', () => {
  test.each<[string, () => Scripted]>([
    ['a broken connection', () => new TypeError('fetch failed')],
    ['429', () => problem(429, 'rate_limited', { headers: { 'Retry-After': '0' } })],
    ['503 unavailable', () => unavailable('0')],
    ['503 timeout', () => problem(503, 'timeout')],
    ['a 502 of a proxy', () => new Response('<html>', { status: 502 })],
    ['a 504 of a proxy', () => new Response('', { status: 504 })],
  ])('after %s', async (_, failure) => {
    const { client, calls } = recordingClient([failure(), failure(), DONE()])
    expect(await client.pay(payment)).toEqual({ id: 'done' })
    const keys = calls.map(({ headers }) => headers.get('Idempotency-Key'))
    expect(keys).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), keys[0], keys[0]])
    expect(new Set(calls.map(({ body }) => body))).toEqual(
      new Set([JSON.stringify({ type: 'booking_payment', ...payment })]),
    )
  })

  test('after an attempt that was not answered in time', async () => {
    const { client, calls } = recordingClient([silence, DONE()], { timeout: 20 })
    expect(await client.pay(payment)).toEqual({ id: 'done' })
    expect(calls).toHaveLength(2)
  })

  test('with the key that the caller names', async () => {
    const { client, calls } = recordingClient([new TypeError('lost'), DONE()])
    await client.pay(payment, { idempotencyKey: 'booking-17' })
    expect(calls.map(({ headers }) => headers.get('Idempotency-Key'))).toEqual([
      'booking-17',
      'booking-17',
    ])
  })
})

test('two calls have two keys', async () => {
  const { client, calls } = recordingClient([DONE(), DONE()])
  await client.pay(payment)
  await client.pay(payment)
  const [one, other] = calls.map(({ headers }) => headers.get('Idempotency-Key'))
  expect(one).not.toBe(other)
})

describe('is not sent again', () => {
  test.each([
    [400, 'invalid_request'],
    [402, 'insufficient_funds'],
    [403, 'forbidden'],
    [404, 'not_found'],
    [409, 'already_processed'],
    [422, 'limit_exceeded'],
  ])('a write that was answered with %i', async (status, code) => {
    const details = { shortfall: 10 }
    const { client, calls } = recordingClient([problem(status, code, { details })])
    expect(await rejection(client.pay(payment))).toMatchObject({
      name: 'LivebalanceError',
      message: `It is ${code}.`,
      ...{ code, status, details, requestId: 'r-1', unknownOutcome: false },
      idempotencyKey: calls[0]?.headers.get('Idempotency-Key'),
    })
    expect(calls).toHaveLength(1)
  })

  test('a write after a fault of the server, whose outcome is unknown', async () => {
    const { client, calls } = recordingClient([problem(500, 'internal')])
    expect(await rejection(client.pay(payment))).toMatchObject({
      code: 'internal',
      unknownOutcome: true,
    })
    expect(calls).toHaveLength(1)
  })

  test('a deletion whose answer was lost: a second one would find nothing', async () => {
    const { client, calls } = recordingClient([new TypeError('lost')])
    expect(await rejection(client.monitors.remove('m'))).toMatchObject({
      code: 'unreachable',
      unknownOutcome: true,
    })
    expect(calls).toHaveLength(1)
  })

  test('a call without time for it', async () => {
    const lost = new TypeError('lost')
    const { client, calls } = recordingClient([lost, lost], { retryFor: 0 })
    expect(await rejection(client.pay(payment))).toMatchObject({ cause: lost })
    expect(calls).toHaveLength(1)
  })

  test('a call when the server asks for more time than there is', async () => {
    const { client, calls } = recordingClient([unavailable('61')])
    expect(await rejection(client.pay(payment))).toMatchObject({
      code: 'unavailable',
      retryAfter: 61,
      unknownOutcome: false,
    })
    expect(calls).toHaveLength(1)
  })

  test.each([
    ['a page', () => new Response('<html>', { status: 200 })],
    ['a redirection', () => new Response('', { status: 302, headers: { Location: '/login' } })],
  ])('a call that %s answers', async (_, answer) => {
    const { client, calls } = recordingClient([answer()])
    expect(await rejection(client.pay(payment))).toMatchObject({
      code: 'invalid_response',
      unknownOutcome: true,
    })
    expect(calls).toHaveLength(1)
  })
})

test('a deletion is sent again where nothing was done', async () => {
  const { client, calls } = recordingClient([unavailable('0'), Response.json({ deleted: 1 })])
  expect(await client.monitors.remove('m')).toEqual({ deleted: 1 })
  expect(calls).toHaveLength(2)
})

test('an outcome stays unknown until the server has decided', async () => {
  const script = () => [new TypeError('lost'), unavailable('61')]
  const first = await rejection(recordingClient(script()).client.pay(payment))
  expect([first.code, first.unknownOutcome]).toEqual(['unavailable', true])
  const decided = [new TypeError('lost'), problem(402, 'insufficient_funds')]
  const second = await rejection(recordingClient(decided).client.pay(payment))
  expect([second.code, second.unknownOutcome]).toEqual(['insufficient_funds', false])
})

test('a read leaves nothing unknown', async () => {
  const { client } = recordingClient([new TypeError('lost')], { retryFor: 0 })
  expect(await rejection(client.audit())).toMatchObject({
    unknownOutcome: false,
    idempotencyKey: undefined,
  })
})

test('the time until the next attempt is random, grows, and is at least what the server asks for', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  try {
    const times: number[] = []
    const { client } = recordingClient(
      [
        ...Array.from({ length: 3 }, () => async () => {
          times.push(performance.now())
          throw new TypeError('lost')
        }),
        async () => {
          times.push(performance.now())
          return unavailable('2')
        },
        async () => {
          times.push(performance.now())
          return DONE()
        },
      ],
      { retry: { minDelay: 100, maxDelay: 300 } },
    )
    const paid = client.pay(payment)
    await vi.runAllTimersAsync()
    await paid
    const delays = times.slice(1).map((time, i) => time - (times[i] ?? 0))
    expect(delays).toEqual([50, 100, 150, 2150])
  } finally {
    vi.restoreAllMocks()
    vi.useRealTimers()
  }
})

describe('the token', () => {
  const expired = () => problem(401, 'token_expired')
  const sent = (calls: { headers: Headers }[]) =>
    calls.map(({ headers }) => headers.get('Authorization'))

  test('is requested once for many calls, and again when the server rejects it', async () => {
    const token = vi.fn(async () => `token ${token.mock.calls.length}`)
    const { client, calls } = recordingClient([DONE(), DONE(), expired(), DONE()], { token })
    await Promise.all([client.pay(payment), client.pay(payment)])
    await client.pay(payment)
    expect(sent(calls)).toEqual([
      ...['Bearer token 1', 'Bearer token 1', 'Bearer token 1', 'Bearer token 2'],
    ])
  })

  test('is renewed once: then the call is refused', async () => {
    const token = vi.fn(async () => `token ${token.mock.calls.length}`)
    const { client, calls } = recordingClient([expired(), expired()], { token })
    expect(await rejection(client.pay(payment))).toMatchObject({
      ...{ code: 'token_expired', status: 401, unknownOutcome: false },
    })
    expect(calls).toHaveLength(2)
  })

  test('that is fixed is not renewed', async () => {
    const { client, calls } = recordingClient([expired()])
    expect(await rejection(client.pay(payment))).toMatchObject({ code: 'token_expired' })
    expect(calls).toHaveLength(1)
  })

  test('is requested before a call once it has expired', async () => {
    const tokens = [mintToken({ sub: 'shop', expiresIn: -1 }), mintToken({ sub: 'shop' })]
    const token = vi.fn(async () => (await tokens.shift()) ?? 'none is left')
    const { client } = recordingClient([DONE(), DONE(), DONE()], { token })
    for (let i = 0; i < 3; i += 1) await client.pay(payment)
    expect(token).toHaveBeenCalledTimes(2)
  })

  test('that cannot be had ends the call', async () => {
    const cause = new Error('no identity')
    const token = () => Promise.reject(cause)
    const { client, calls } = recordingClient([], { token })
    expect(await rejection(client.pay(payment))).toMatchObject({ code: 'token_unavailable', cause })
    const slow = recordingClient([], { token: () => new Promise(() => {}), timeout: 20 })
    expect(await rejection(slow.client.pay(payment))).toMatchObject({ code: 'token_unavailable' })
    expect(calls.length + slow.calls.length).toBe(0)
  })
})

describe('a signal', () => {
  test('ends a call while it waits for its answer', async () => {
    const abort = new AbortController()
    const { client, calls } = recordingClient([silence])
    const paid = client.pay(payment, { signal: abort.signal })
    await vi.waitFor(() => expect(calls).toHaveLength(1))
    abort.abort(new Error('enough'))
    await expect(paid).rejects.toThrow('enough')
  })

  test('ends a call while it waits for the next attempt', async () => {
    const abort = new AbortController()
    const { client, calls } = recordingClient([unavailable('30')])
    const paid = client.pay(payment, { signal: abort.signal })
    await vi.waitFor(() => expect(calls).toHaveLength(1))
    abort.abort(new Error('enough'))
    await expect(paid).rejects.toThrow('enough')
    expect(calls).toHaveLength(1)
  })

  test('that came before sends nothing', async () => {
    const { client, calls } = recordingClient()
    await expect(
      client.pay(payment, { signal: AbortSignal.abort(new Error('enough')) }),
    ).rejects.toThrow('enough')
    expect(calls).toEqual([])
  })
})
