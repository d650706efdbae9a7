import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { base64url, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterEach, describe, expect, test } from 'vitest'
import { createAuthenticator } from '../../src/auth/authenticator.ts'
import { mintToken } from '../../src/auth/token.ts'
import { eventually } from '../environment/index.ts'

const SECRET = 'a secret of at least thirty-two bytes'
const bytes = (text: string) => new TextEncoder().encode(text)
const seconds = () => Math.floor(Date.now() / 1000)

const hs256 = (claims: Record<string, unknown>, secret = SECRET, alg = 'HS256') =>
  new SignJWT(claims).setProtectedHeader({ alg }).sign(bytes(secret))
const good = { sub: 'alice', exp: seconds() + 3600 }

const authenticate = (
  token: string,
  options: { issuer?: string; audience?: string; now?: () => number } = {},
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
  ])('is an admin by %j, whatever the case', async (claims) => {
    const principal = await authenticate(await hs256({ ...good, ...claims }))
    expect(principal).toMatchObject({ isAdmin: true, isService: false })
  })

  test('is a service by its role', async () => {
    const token = await mintToken(SECRET, { sub: 'booking', roles: ['service'], expiresIn: 60 })
    expect(await authenticate(token)).toMatchObject({ isAdmin: false, isService: true })
  })

  test('may expire up to 30 s ago, for clocks that differ', async () => {
    const token = await hs256({ sub: 'alice', exp: seconds() - 20 })
    await expect(authenticate(token)).resolves.toMatchObject({ userId: 'alice' })
  })

  test('is refused once it has expired, also when it was accepted and remembered before', async () => {
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

  test('counts for 30 s past its end and no longer, remembered or not', async () => {
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

  test('may be issued up to 30 s from now, for clocks that differ, and no later', async () => {
    const { authenticate } = createAuthenticator({ keys: { kind: 'secret', secret: SECRET } })
    const issued = (iat: number) => hs256({ ...good, iat })
    await expect(authenticate(await issued(seconds() + 25))).resolves.toBeDefined()
    // The last is what an issuer writes that counts in milliseconds: no revocation would ever cover it.
    for (const iat of [seconds() + 40, seconds() + 86_400, Date.now()]) {
      await expect(authenticate(await issued(iat))).rejects.toMatchObject({ code: 'unauthorized' })
    }
  })

  test('may not live longer than is configured, and has to say since when it does', async () => {
    const { authenticate } = createAuthenticator({
      keys: { kind: 'secret', secret: SECRET },
      maxLifetime: 3600,
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

  test('cannot ride on another that is remembered: the whole of it counts', async () => {
    const { authenticate } = createAuthenticator({ keys: { kind: 'secret', secret: SECRET } })
    const token = await hs256(good)
    await authenticate(token)
    const [head, , signature] = token.split('.')
    const forged = base64url.encode(JSON.stringify({ ...good, roles: ['admin'] }))
    for (const other of [`${head}.${forged}.${signature}`, `${token}A`, token.toLowerCase()]) {
      await expect(authenticate(other)).rejects.toMatchObject({ code: 'unauthorized' })
    }
  })

  test('is verified once and then remembered', async () => {
    const { authenticate } = createAuthenticator({ keys: { kind: 'secret', secret: SECRET } })
    const token = await hs256(good)
    expect(await authenticate(token)).toBe(await authenticate(token))
  })

  test('is remembered only as one of a bounded number, the longest unused being dropped', async () => {
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

  test('is as young as its last use, also where it was only recalled', async () => {
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
    const options = { issuer: 'https://id.example.com', audience: 'wallet' }
    const token = await hs256({ ...good, iss: options.issuer, aud: ['wallet', 'other'] })
    await expect(authenticate(token, options)).resolves.toBeDefined()
    for (const claims of [
      { iss: options.issuer },
      { aud: 'wallet' },
      { iss: 'https://evil.example.com', aud: 'wallet' },
      { iss: options.issuer, aud: 'other' },
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

  test.each<[string, () => string | Promise<string>]>([
    ['no expiry', () => hs256({ sub: 'alice' })],
    ['an expiry that is no number', () => hs256({ sub: 'alice', exp: 'never' as unknown })],
    ['no subject', () => hs256({ exp: good.exp })],
    ['another secret', () => hs256(good, 'another secret of thirty-two bytes!!')],
    ['another algorithm of the same secret', () => hs256(good, SECRET.repeat(2), 'HS512')],
    ['algorithm none', () => unsigned(good, 'none')],
    ['algorithm NONE', () => unsigned(good, 'NONE')],
    ['no signature', () => unsigned(good, 'HS256')],
    ['not yet valid', () => hs256({ ...good, nbf: seconds() + 600 })],
    ['an empty subject', () => hs256({ ...good, sub: '' })],
    ['a subject with a space', () => hs256({ ...good, sub: 'al ice' })],
    ['a subject with a colon and NUL', () => hs256({ ...good, sub: 'a\u0000b' })],
    ['a subject of 129 characters', () => hs256({ ...good, sub: 'a'.repeat(129) })],
    ['a subject that is a number', () => hs256({ ...good, sub: 5 as unknown })],
    ['a tenant with a slash', () => hs256({ ...good, tenant: 'a/b' })],
    ['a tenant of 65 characters', () => hs256({ ...good, tenant: 'a'.repeat(65) })],
    ['roles that are no list', () => hs256({ ...good, roles: { admin: true } })],
    ['an issue time that is no number', () => hs256({ ...good, iat: 'today' as unknown })],
    ['a token of 10 KB', () => hs256({ ...good, filler: 'x'.repeat(10_000) })],
    ['no token at all', () => ''],
    ['text', () => 'not.a.token'],
  ])('%s', async (_, token) => {
    const error = await authenticate(await token()).then(() => undefined, String)
    expect(error).toBe('ApiError: The token is missing or not valid.')
  })
})

describe('a token signed by a published key', () => {
  const servers: { close(): void }[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) server.close()
  })

  /** A key set on the network that counts how often it is asked for. */
  async function provider() {
    const state = { keys: [] as unknown[], asked: 0, status: 200, hangs: false, waiting: 0 }
    const server = createServer((_, response) => {
      state.asked++
      if (state.hangs) {
        state.waiting++
        response.on('close', () => state.waiting--)
        return
      }
      response.writeHead(state.status, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ keys: state.keys }))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    servers.push(server)
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`
    return Object.assign(state, { url })
  }

  async function signer(alg: 'RS256' | 'ES256' | 'EdDSA', kid: string) {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
    return {
      jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' },
      token: (claims: Record<string, unknown> = good) =>
        new SignJWT(claims).setProtectedHeader({ alg, kid }).sign(privateKey),
    }
  }

  test.each(['RS256', 'ES256', 'EdDSA'] as const)('is accepted with %s', async (alg) => {
    const source = await provider()
    const key = await signer(alg, 'k1')
    source.keys = [key.jwk]
    const { authenticate } = createAuthenticator({ keys: { kind: 'jwks', url: source.url } })
    await expect(authenticate(await key.token())).resolves.toMatchObject({ userId: 'alice' })
  })

  test('cannot be forged with the public key as an HS256 secret', async () => {
    const source = await provider()
    const key = await signer('RS256', 'k1')
    source.keys = [key.jwk]
    const { authenticate } = createAuthenticator({ keys: { kind: 'jwks', url: source.url } })
    const forged = await new SignJWT(good)
      .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
      .sign(bytes(JSON.stringify(key.jwk)))
    await expect(authenticate(forged)).rejects.toMatchObject({ code: 'unauthorized' })
  })

  test('is accepted with a key that was added later, and refused once its key is withdrawn', async () => {
    let now = Date.now()
    const source = await provider()
    const [old, fresh] = await Promise.all([signer('ES256', 'old'), signer('ES256', 'new')])
    source.keys = [old.jwk]
    const { authenticate } = createAuthenticator({
      keys: { kind: 'jwks', url: source.url },
      now: () => now,
    })
    const oldToken = await old.token()
    await authenticate(oldToken)

    source.keys = [fresh.jwk]
    await expect(authenticate(oldToken)).resolves.toBeDefined()
    now += 31_000
    await expect(authenticate(await fresh.token())).resolves.toBeDefined()
    await expect(authenticate(oldToken)).rejects.toMatchObject({ code: 'unauthorized' })
  })

  test('with an unknown key asks for the key set at most once in 30 s', async () => {
    const source = await provider()
    const [known, unknown] = await Promise.all([signer('ES256', 'a'), signer('ES256', 'b')])
    source.keys = [known.jwk]
    const { authenticate } = createAuthenticator({ keys: { kind: 'jwks', url: source.url } })
    await authenticate(await known.token())
    for (let i = 0; i < 20; i++) {
      const token = await unknown.token({ ...good, sub: `user${i}` })
      await expect(authenticate(token)).rejects.toMatchObject({ code: 'unauthorized' })
    }
    expect(source.asked).toBe(1)
  })

  test('that nobody can check asks for the key set at most once in 5 s, whatever comes in', async () => {
    let now = Date.now()
    const source = await provider()
    source.status = 500
    const key = await signer('ES256', 'a')
    const { authenticate } = createAuthenticator({
      keys: { kind: 'jwks', url: source.url },
      now: () => now,
    })
    for (let i = 0; i < 20; i++) {
      const token = await key.token({ ...good, sub: `user${i}` })
      await expect(authenticate(token)).rejects.toMatchObject({ code: 'unavailable' })
    }
    expect(source.asked).toBe(1)
    source.status = 200
    source.keys = [key.jwk]
    now += 5_000
    await expect(authenticate(await key.token())).resolves.toBeDefined()
    expect(source.asked).toBe(2)
  })

  test('is 503, not 401, while no key could be fetched at all', async () => {
    const source = await provider()
    source.status = 500
    const key = await signer('ES256', 'a')
    const { authenticate } = createAuthenticator({ keys: { kind: 'jwks', url: source.url } })
    await expect(authenticate(await key.token())).rejects.toMatchObject({
      status: 503,
      code: 'unavailable',
      retryAfter: 5,
    })
  })

  test('is still accepted while the source of its known key is away', async () => {
    let now = Date.now()
    const source = await provider()
    const key = await signer('ES256', 'a')
    source.keys = [key.jwk]
    const { authenticate } = createAuthenticator({
      keys: { kind: 'jwks', url: source.url },
      now: () => now,
    })
    await authenticate(await key.token())
    source.status = 503
    now += 3_000_000
    const later = await key.token({ sub: 'bob', exp: good.exp + 7200 })
    await expect(authenticate(later)).resolves.toMatchObject({ userId: 'bob' })
  })

  /** Known keys, of a source that hangs from now on. */
  async function hanging() {
    let now = Date.now()
    const source = await provider()
    const key = await signer('ES256', 'a')
    source.keys = [key.jwk]
    const { authenticate } = createAuthenticator({
      keys: { kind: 'jwks', url: source.url },
      now: () => now,
    })
    await authenticate(await key.token())
    source.hangs = true
    const tokenOf = (sub: string) => key.token({ sub, exp: good.exp + 7200 })
    const fresh = async (sub: string) => authenticate(await tokenOf(sub))
    const later = (milliseconds: number) => {
      now += milliseconds
    }
    return { source, authenticate, tokenOf, fresh, later }
  }

  test('does not wait for a source that hangs, though its keys are due to be fetched again', async () => {
    const { source, fresh, later } = await hanging()
    later(601_000)
    await expect(fresh('bob')).resolves.toMatchObject({ userId: 'bob' })
    await eventually(() => expect(source.waiting).toBe(1))
    await expect(fresh('carol')).resolves.toMatchObject({ userId: 'carol' })
    // Had either waited, it would have been until this request was given up.
    expect([source.asked, source.waiting]).toEqual([2, 1])
  })

  test('waits once for a source that hangs when its keys are old, and not again', async () => {
    const { source, fresh, later } = await hanging()
    later(1_201_000)
    await expect(fresh('bob')).resolves.toMatchObject({ userId: 'bob' })
    await eventually(() => expect([source.asked, source.waiting]).toEqual([2, 0]))
    later(5_000)
    await expect(fresh('carol')).resolves.toMatchObject({ userId: 'carol' })
    await eventually(() => expect([source.asked, source.waiting]).toEqual([3, 1]))
  }, 15_000)

  test('is refused when its key was withdrawn while nobody asked', async () => {
    const { source, fresh, later } = await hanging()
    source.hangs = false
    source.keys = []
    later(1_201_000)
    await expect(fresh('bob')).rejects.toMatchObject({ code: 'unauthorized' })
  })

  test('is refused then also when it was remembered', async () => {
    const { source, authenticate, tokenOf, later } = await hanging()
    const token = await tokenOf('ann')
    await expect(authenticate(token)).resolves.toMatchObject({ userId: 'ann' })
    source.hangs = false
    source.keys = []
    later(1_201_000)
    await expect(authenticate(token)).rejects.toMatchObject({ code: 'unauthorized' })
  })
})
