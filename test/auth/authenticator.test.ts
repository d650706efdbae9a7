import { base64url, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { createAuthenticator } from '../../src/auth/authenticator.ts'
import { mintToken } from '../../src/auth/tokens.ts'
import type { ApiError } from '../../src/lib/api-error.ts'
import { createLogger } from '../../src/lib/log.ts'

const SECRET = 'a secret of at least thirty-two bytes'
const bytes = (text: string) => new TextEncoder().encode(text)
const seconds = () => Math.floor(Date.now() / 1000)

const hs256 = (claims: Record<string, unknown>, secret = SECRET, alg = 'HS256') =>
  new SignJWT(claims).setProtectedHeader({ alg }).sign(bytes(secret))
const good = { sub: 'alice', exp: seconds() + 3600 }

const authenticate = (
  token: string,
  options: { issuers?: string[]; audience?: string; now?: () => number } = {},
) =>
  createAuthenticator({ keys: { kind: 'secret', secret: SECRET }, ...options }).authenticate(token)

describe('a token signed with the secret', () => {
  test('names its user, in the default tenant, without a role', async () => {
    expect(await authenticate(await hs256({ ...good, jti: 't1' }))).toEqual({
      userId: 'alice',
      tenant: 'default',
      isAdmin: false,
      isService: false,
      expiresAt: good.exp,
      tokenId: 't1',
    })
  })

  test.each([
    { roles: ['ADMIN'] },
    { roles: ['viewer', 'Admin'] },
    { role: 'admin' },
    { role: 'aDmIn', roles: [] },
    { roles: 'admin' },
    { role: ['admin'], roles: null },
    { roles: ['admin', ...Array.from({ length: 200 }, (_, i) => `group-${i}`)] },
  ])('is an admin by %j, whatever the case', async (claims) => {
    const principal = await authenticate(await hs256({ ...good, ...claims }))
    expect(principal).toMatchObject({ isAdmin: true, isService: false })
  })

  test('is a service by its role', async () => {
    const token = await mintToken(SECRET, { sub: 'booking', roles: ['service'], expiresIn: 60 })
    expect(await authenticate(token)).toMatchObject({ isAdmin: false, isService: true })
  })

  test.each([
    { roles: null },
    { role: null },
    { tenant: null },
    { jti: null },
    { jti: 'x'.repeat(300) },
    { scope: 'openid admin' },
    { roles: 'billing admin' },
    { filler: 'x'.repeat(6750) },
  ])('is accepted with %j, and has no role by it', async (claims) => {
    const principal = await authenticate(await hs256({ ...good, ...claims }))
    expect(principal).toMatchObject({ tenant: 'default', isAdmin: false, isService: false })
  })

  test('may have expired up to 30 s ago, because clocks differ', async () => {
    const token = await hs256({ sub: 'alice', exp: seconds() - 20 })
    await expect(authenticate(token)).resolves.toMatchObject({ userId: 'alice' })
  })

  test('is rejected once it has expired, even when it was accepted and cached before', async () => {
    let now = Date.now()
    const { authenticate } = createAuthenticator({
      keys: { kind: 'secret', secret: SECRET },
      now: () => now,
    })
    const token = await hs256(good)
    await authenticate(token)
    now += 3_700_000
    await expect(authenticate(token)).rejects.toMatchObject({ status: 401, code: 'token_expired' })
    await expect(authenticate(token)).rejects.toMatchObject({ status: 401, code: 'token_expired' })
  })

  test('is accepted until 30 s after its expiry and no longer, cached or not', async () => {
    let now = seconds() * 1000
    const { authenticate } = createAuthenticator({
      keys: { kind: 'secret', secret: SECRET },
      now: () => now,
    })
    const fresh = async () => hs256({ ...good, exp, jti: crypto.randomUUID() })
    const exp = seconds() + 10
    const token = await fresh()
    await authenticate(token)
    now += 39_000
    await expect(authenticate(token)).resolves.toBeDefined()
    await expect(authenticate(await fresh())).resolves.toBeDefined()
    now += 2_000
    for (const late of [token, await fresh()]) {
      await expect(authenticate(late)).rejects.toMatchObject({ code: 'token_expired' })
    }
  })

  test('may be issued up to 30 s in the future, because clocks differ, and no later', async () => {
    const { authenticate } = createAuthenticator({ keys: { kind: 'secret', secret: SECRET } })
    const issued = (iat: number) => hs256({ ...good, iat })
    await expect(authenticate(await issued(seconds() + 25))).resolves.toBeDefined()
    // The last one is a time in milliseconds, by a faulty issuer: no revocation would ever cover it.
    for (const iat of [seconds() + 40, seconds() + 86_400, Date.now()]) {
      await expect(authenticate(await issued(iat))).rejects.toMatchObject({ code: 'unauthorized' })
    }
  })

  test('may not live longer than is configured, and must have an `iat`', async () => {
    const { authenticate } = createAuthenticator({
      keys: { kind: 'secret', secret: SECRET },
      maxLifetimeSeconds: 3600,
    })
    const issued = (lifetime: number) => {
      const iat = seconds() - 10
      return hs256({ sub: 'alice', iat, exp: iat + lifetime })
    }
    await expect(authenticate(await issued(3600))).resolves.toBeDefined()
    for (const token of [await issued(3601), await hs256({ sub: 'alice', exp: seconds() + 60 })]) {
      await expect(authenticate(token)).rejects.toMatchObject({ code: 'unauthorized' })
    }
  })

  test('is not accepted for a similar token in the cache: the whole token counts', async () => {
    const { authenticate } = createAuthenticator({ keys: { kind: 'secret', secret: SECRET } })
    const token = await hs256(good)
    await authenticate(token)
    const [head, , signature] = token.split('.')
    const forged = base64url.encode(JSON.stringify({ ...good, roles: ['admin'] }))
    for (const other of [`${head}.${forged}.${signature}`, `${token}A`, token.toLowerCase()]) {
      await expect(authenticate(other)).rejects.toMatchObject({ code: 'unauthorized' })
    }
  })

  test('is verified once and then cached', async () => {
    const { authenticate } = createAuthenticator({ keys: { kind: 'secret', secret: SECRET } })
    const token = await hs256(good)
    expect(await authenticate(token)).toBe(await authenticate(token))
  })

  test('is cached up to a bound, and the least recently used is dropped', async () => {
    const { authenticate } = createAuthenticator({
      keys: { kind: 'secret', secret: SECRET },
      cacheSize: 2,
    })
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((sub) => hs256({ ...good, sub })))
    const first = await authenticate(a as string)
    const second = await authenticate(b as string)
    expect(await authenticate(a as string)).toBe(first)
    await authenticate(c as string)
    expect(await authenticate(a as string)).toBe(first)
    expect(await authenticate(b as string)).not.toBe(second)
  })

  test('is as young as its last use, including a use from the cache', async () => {
    const { authenticate, recall } = createAuthenticator({
      keys: { kind: 'secret', secret: SECRET },
      cacheSize: 2,
    })
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((sub) => hs256({ ...good, sub })))
    for (const token of [a, b]) await authenticate(token as string)
    expect(recall(a as string)).toMatchObject({ userId: 'a' })
    await authenticate(c as string)
    expect(recall(a as string)).toMatchObject({ userId: 'a' })
    expect(recall(b as string)).toBeUndefined()
  })

  test('must carry the configured issuer and audience', async () => {
    const options = { issuers: ['https://id.example.com'], audience: 'wallet' }
    const token = await hs256({ ...good, iss: options.issuers[0], aud: ['wallet', 'other'] })
    await expect(authenticate(token, options)).resolves.toBeDefined()
    for (const claims of [
      { iss: options.issuers[0] },
      { aud: 'wallet' },
      { iss: 'https://evil.example.com', aud: 'wallet' },
      { iss: options.issuers[0], aud: 'other' },
    ]) {
      await expect(
        authenticate(await hs256({ ...good, ...claims }), options),
      ).rejects.toMatchObject({ code: 'unauthorized' })
    }
  })
})

describe('refused as unauthorized', () => {
  const unsigned = (claims: Record<string, unknown>, alg: string) =>
    `${base64url.encode(JSON.stringify({ alg }))}.${base64url.encode(JSON.stringify(claims))}.`

  test.each<[string, string, () => string | Promise<string>]>([
    ['no expiry', 'claim exp', () => hs256({ sub: 'alice' })],
    [
      'an expiry that is no number',
      'claim exp',
      () => hs256({ sub: 'alice', exp: 'never' as unknown }),
    ],
    ['no subject', 'claim sub', () => hs256({ exp: good.exp })],
    ['another secret', 'signature', () => hs256(good, 'another secret of thirty-two bytes!!')],
    ['another algorithm', 'algorithm', () => hs256(good, SECRET.repeat(2), 'HS512')],
    ['algorithm none', 'algorithm', () => unsigned(good, 'none')],
    ['algorithm NONE', 'algorithm', () => unsigned(good, 'NONE')],
    ['no signature', 'signature', () => unsigned(good, 'HS256')],
    ['not yet valid', 'not_yet_valid nbf', () => hs256({ ...good, nbf: seconds() + 600 })],
    ['an empty subject', 'claim sub', () => hs256({ ...good, sub: '' })],
    ['a subject with a space', 'claim sub', () => hs256({ ...good, sub: 'al ice' })],
    ['a subject with a colon and NUL', 'claim sub', () => hs256({ ...good, sub: 'a\u0000b' })],
    ['a subject of 256 characters', 'claim sub', () => hs256({ ...good, sub: 'a'.repeat(256) })],
    ['a subject that is a number', 'claim sub', () => hs256({ ...good, sub: 5 as unknown })],
    ['a tenant with a blank', 'claim tenant', () => hs256({ ...good, tenant: 'a b' })],
    ['a tenant of 65 characters', 'claim tenant', () => hs256({ ...good, tenant: 'a'.repeat(65) })],
    ['roles that are no list', 'claim roles', () => hs256({ ...good, roles: { admin: true } })],
    ['roles that are no text', 'claim roles', () => hs256({ ...good, roles: [1] })],
    ['an id of 513 characters', 'claim jti', () => hs256({ ...good, jti: 'x'.repeat(513) })],
    [
      'an issue time that is no number',
      'claim iat',
      () => hs256({ ...good, iat: 'today' as unknown }),
    ],
    ['a token of 13 KB', 'too_long', () => hs256({ ...good, filler: 'x'.repeat(10_000) })],
    ['no token at all', 'missing', () => ''],
    ['text', 'malformed', () => 'not.a.token'],
  ])('%s, with the reason %s', async (_, reason, token) => {
    const sent = await token()
    const error: ApiError = await authenticate(sent).then(
      () => undefined,
      (thrown) => thrown,
    )
    expect(String(error)).toBe('ApiError: The token is missing or not valid.')
    const [name = '', claim] = reason.split(' ')
    expect(error.details).toEqual({ reason: name, ...(claim && { claim }) })
    const challenge = error.headers?.['WWW-Authenticate'] ?? ''
    if (name === 'missing') expect(challenge).toBe('Bearer')
    else expect(challenge).toMatch(/^Bearer error="invalid_token", error_description="[^"\\]+"$/)
  })

  test('is in the log, once for each refusal, with the reason and nothing of the token', async () => {
    const lines: string[] = []
    const log = createLogger({ logLevel: 'info', production: true }, false, {
      write: (line: string) => void lines.push(line),
    })
    const { authenticate } = createAuthenticator({ keys: { kind: 'secret', secret: SECRET }, log })
    const tokens = [await hs256({ ...good, tenant: 'a b' }), await hs256({ ...good, exp: 1 })]
    for (const token of tokens) await authenticate(token).catch(() => {})
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ msg: 'a token was rejected', reason: 'claim', claim: 'tenant' }),
    ])
    expect(lines[0]).not.toContain('a/b')
  })
})
