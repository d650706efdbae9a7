import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import {
  placeOf,
  verifyWebhook,
  type WebhookEvent,
  type WebhookHeaders,
  type WebhookOptions,
  WebhookVerificationError,
} from '../../src/server-sdk/index.ts'

const SECRET = `whsec_${Buffer.alloc(32, 'a').toString('base64')}`
const OTHER = `whsec_${Buffer.alloc(32, 'b').toString('base64')}`
const EVENT = { type: 'transaction_completed', userId: 'alice', id: 'e:4', seq: 4, amount: 12.5 }
const BODY = JSON.stringify(EVENT)

const at = (seconds: number) => new Date(Date.now() + seconds * 1000)

/** A delivery that the official package signs. */
function delivery({ body = BODY, secret = SECRET, time = new Date(), id = 'e:4' } = {}) {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(time.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign(id, time, body),
  }
}

/** Why it is refused; the official package must refuse it, too. */
async function refusal(
  body: string,
  headers: Record<string, string>,
  options?: WebhookOptions,
): Promise<string> {
  expect(() => new Webhook(SECRET).verify(body, headers)).toThrow()
  return reasonOf(verifyWebhook(body, headers, SECRET, options))
}

const reasonOf = (verified: Promise<unknown>) =>
  verified.then(
    () => expect.fail('it was accepted'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(WebhookVerificationError)
      return (error as WebhookVerificationError).reason
    },
  )

describe('a delivery as the official package signs it is accepted', () => {
  test.each<[string, (headers: Record<string, string>) => WebhookHeaders]>([
    ['Headers', (headers) => new Headers(headers)],
    ['the headers of a Node request', (headers) => headers],
    [
      'headers in capital letters',
      (headers) =>
        Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]),
        ),
    ],
  ])('with %s', async (_, form) => {
    expect(await verifyWebhook(BODY, form(delivery()), SECRET)).toEqual(EVENT)
  })

  test('as bytes, with characters of any script', async () => {
    const body = JSON.stringify({ ...EVENT, userId: 'Ægir 日本 🙂' })
    const bytes = new TextEncoder().encode(body)
    expect(await verifyWebhook(bytes, delivery({ body }), SECRET)).toMatchObject({
      userId: 'Ægir 日本 🙂',
    })
  })

  test('with several signatures, of which one is by the secret', async () => {
    const { 'webhook-signature': right, ...headers } = delivery()
    const { 'webhook-signature': other } = delivery({ secret: OTHER })
    const all = { ...headers, 'webhook-signature': `v1a,AAAA ${other} ${right}` }
    expect(new Webhook(SECRET).verify(BODY, all)).toEqual(EVENT)
    expect(await verifyWebhook(BODY, all, SECRET)).toEqual(EVENT)
  })

  test('with either secret while it is rotated, and without the prefix', async () => {
    for (const secret of [SECRET, OTHER]) {
      expect(await verifyWebhook(BODY, delivery({ secret }), [SECRET, OTHER])).toEqual(EVENT)
    }
    expect(await verifyWebhook(BODY, delivery(), SECRET.replace('whsec_', ''))).toEqual(EVENT)
  })

  test('within the tolerance, which can be another', async () => {
    for (const time of [at(-290), at(290)]) {
      expect(await verifyWebhook(BODY, delivery({ time }), SECRET)).toEqual(EVENT)
    }
    const old = delivery({ time: at(-3000) })
    expect(await verifyWebhook(BODY, old, SECRET, { tolerance: 3600 })).toEqual(EVENT)
    expect(await verifyWebhook(BODY, old, SECRET, { now: at(-3000).getTime() })).toEqual(EVENT)
  })
})

describe('is refused, as by the official package', () => {
  test('a body or an id that was changed', async () => {
    expect(await refusal(BODY.replace('12.5', '99.5'), delivery())).toBe('wrong_signature')
    expect(await refusal(`${BODY} `, delivery())).toBe('wrong_signature')
    expect(await refusal(BODY, { ...delivery(), 'webhook-id': 'e:5' })).toBe('wrong_signature')
  })

  test('a time that was changed, to pass for new', async () => {
    const headers = {
      ...delivery({ time: at(-400) }),
      'webhook-timestamp': `${Math.floor(Date.now() / 1000)}`,
    }
    expect(await refusal(BODY, headers)).toBe('wrong_signature')
  })

  test('a signature by another secret', async () => {
    expect(await refusal(BODY, delivery({ secret: OTHER }))).toBe('wrong_signature')
  })

  test.each(['v1,', 'v1,AAAA', 'v1', 'v2,AAAA', 'v1,%%%', 'v1a,AAAA', 'nonsense'])(
    'the signature %s',
    async (signature) => {
      const headers = { ...delivery(), 'webhook-signature': signature }
      expect(await refusal(BODY, headers)).toBe('wrong_signature')
    },
  )

  test.each(['webhook-id', 'webhook-timestamp', 'webhook-signature'])(
    'a request without %s',
    async (name) => {
      const headers: Record<string, string> = { ...delivery() }
      delete headers[name]
      expect(await refusal(BODY, headers)).toBe('missing_header')
      expect(await refusal(BODY, { ...headers, [name]: '' })).toBe('missing_header')
    },
  )

  test('a time that is too old, too new, or none', async () => {
    expect(await refusal(BODY, delivery({ time: at(-310) }))).toBe('too_old')
    expect(await refusal(BODY, delivery({ time: at(310) }))).toBe('too_new')
    for (const time of ['soon', '-1']) {
      const headers = { ...delivery(), 'webhook-timestamp': time }
      expect(await refusal(BODY, headers)).toMatch(/invalid_timestamp/)
    }
  })
})

test('a header that was sent twice is refused', async () => {
  const { 'webhook-id': id, ...headers } = delivery()
  const twice = { ...headers, 'webhook-id': [id, id] }
  expect(await reasonOf(verifyWebhook(BODY, twice, SECRET))).toBe('missing_header')
})

test('a signed body that is no JSON is refused', async () => {
  const body = 'not JSON'
  expect(await reasonOf(verifyWebhook(body, delivery({ body }), SECRET))).toBe('invalid_body')
})

test.each(['', 'whsec_', 'whsec_%%%'])(
  'the secret %j is a mistake of the caller',
  async (secret) => {
    await expect(verifyWebhook(BODY, delivery(), secret)).rejects.toThrow(TypeError)
  },
)

describe('the place of a delivery for a receiver', () => {
  const event = (seq: number) => ({ type: 'wallet_unfrozen', seq, id: `e:${seq}` }) as WebhookEvent
  const skipped = (fromSeq: number, toSeq: number) =>
    ({ type: 'events_skipped', fromSeq, toSeq, id: `e:${toSeq}` }) as WebhookEvent

  test.each([
    [event(1), 0, 'next', 1],
    [event(5), 4, 'next', 5],
    [event(4), 4, 'repeated', 4],
    [event(2), 4, 'repeated', 2],
    [event(6), 4, 'gap', 6],
    [skipped(5, 9), 4, 'next', 9],
    [skipped(3, 9), 4, 'next', 9],
    [skipped(3, 4), 4, 'repeated', 4],
    [skipped(6, 9), 4, 'gap', 9],
  ] as const)('%j after %i', (delivery, lastSeq, place, seq) => {
    const { id } = delivery as { id: string }
    expect(placeOf(delivery as never, lastSeq)).toEqual({ place, seq, id })
    expect(placeOf(delivery as never, lastSeq === 0 ? '' : `e:${lastSeq}`)).toEqual({
      ...{ place, seq, id },
    })
    // A restored ledger gives numbers again.
    expect(placeOf(delivery as never, `before:${lastSeq}`)).toMatchObject({ place: 'restored' })
  })
})
