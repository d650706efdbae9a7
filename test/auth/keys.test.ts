import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterEach, describe, expect, test } from 'vitest'
import { createAuthenticator } from '../../src/auth/authenticator.ts'
import { createLogger } from '../../src/lib/log.ts'
import type { TenantIdentity } from '../../src/tenants/tenant.ts'
import { eventually, mintToken } from '../support/index.ts'

const good = { sub: 'alice', exp: Math.floor(Date.now() / 1000) + 3600 }

describe('a token signed by a published key', () => {
  const servers: { close(): void }[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) server.close()
  })

  /** A key set on the network that counts its requests. */
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
    const { authenticate } = createAuthenticator({ keys: { kind: 'jwks', urls: [source.url] } })
    await expect(authenticate(await key.token())).resolves.toMatchObject({ userId: 'alice' })
  })

  test('of several issuers is verified against the key set of its own', async () => {
    const [one, other] = [await provider(), await provider()]
    const [key, otherKey] = [await signer('RS256', 'k1'), await signer('ES256', 'k1')]
    one.keys = [key.jwk]
    other.keys = [otherKey.jwk]
    const { authenticate } = createAuthenticator({
      keys: { kind: 'jwks', urls: [one.url, other.url] },
      issuers: ['https://one', 'https://other'],
    })
    const from = (iss: string) => ({ ...good, iss })
    await expect(authenticate(await key.token(from('https://one')))).resolves.toBeDefined()
    await expect(authenticate(await otherKey.token(from('https://other')))).resolves.toBeDefined()
    const reason = (name: string) => ({ details: { reason: name } })
    await expect(authenticate(await otherKey.token(from('https://one')))).rejects.toMatchObject(
      reason('unknown_key'),
    )
    await expect(authenticate(await key.token(from('https://third')))).rejects.toMatchObject(
      reason('issuer'),
    )
    await expect(authenticate(await key.token())).rejects.toMatchObject(reason('issuer'))
    await expect(authenticate('nothing')).rejects.toMatchObject(reason('malformed'))
  })

  test('cannot be forged with the public key as an HS256 secret', async () => {
    const source = await provider()
    const key = await signer('RS256', 'k1')
    source.keys = [key.jwk]
    const { authenticate } = createAuthenticator({ keys: { kind: 'jwks', urls: [source.url] } })
    const forged = await new SignJWT(good)
      .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
      .sign(new TextEncoder().encode(JSON.stringify(key.jwk)))
    await expect(authenticate(forged)).rejects.toMatchObject({ code: 'unauthorized' })
  })

  test('is accepted with a key that was added later, and refused once its key is withdrawn', async () => {
    let now = Date.now()
    const source = await provider()
    const [old, fresh] = await Promise.all([signer('ES256', 'old'), signer('ES256', 'new')])
    source.keys = [old.jwk]
    const { authenticate } = createAuthenticator({
      keys: { kind: 'jwks', urls: [source.url] },
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

  test('with an unknown key fetches the key set at most once in 30 s', async () => {
    const source = await provider()
    const [known, unknown] = await Promise.all([signer('ES256', 'a'), signer('ES256', 'b')])
    source.keys = [known.jwk]
    const { authenticate } = createAuthenticator({ keys: { kind: 'jwks', urls: [source.url] } })
    await authenticate(await known.token())
    for (let i = 0; i < 20; i++) {
      const token = await unknown.token({ ...good, sub: `user${i}` })
      await expect(authenticate(token)).rejects.toMatchObject({ code: 'unauthorized' })
    }
    expect(source.asked).toBe(1)
  })

  test('causes at most one fetch of the key set in 5 s while the source fails, whatever comes in', async () => {
    let now = Date.now()
    const source = await provider()
    source.status = 500
    const key = await signer('ES256', 'a')
    const { authenticate } = createAuthenticator({
      keys: { kind: 'jwks', urls: [source.url] },
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

  test('is 503, not 401, while no key could be fetched', async () => {
    const source = await provider()
    source.status = 500
    const key = await signer('ES256', 'a')
    const { authenticate } = createAuthenticator({ keys: { kind: 'jwks', urls: [source.url] } })
    await expect(authenticate(await key.token())).rejects.toMatchObject({
      status: 503,
      code: 'unavailable',
      retryAfter: 5,
    })
  })

  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({
    format: 'jwk',
  })

  test.each([
    ['an RSA key of 1024 bits', 'RS256', weak],
    ['a key of an unknown kind', 'RS256', { kty: 'XYZ' }],
    ['a key of another curve', 'ES256', { kty: 'EC', crv: 'P-384', x: 'AAAA', y: 'AAAA' }],
    ['a point that is on no curve', 'ES256', { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA' }],
    ['a key without its numbers', 'RS256', { kty: 'RSA' }],
    ['a key that is no key', 'RS256', 'key'],
  ] as const)('is 401, not 503, where the set has %s', async (_, alg, jwk) => {
    const source = await provider()
    source.keys = [typeof jwk === 'string' ? jwk : { ...jwk, kid: 'k1', alg }]
    const good_ = await signer(alg, 'k2')
    source.keys.push(good_.jwk)
    const lines: { level: string }[] = []
    const log = createLogger({ logLevel: 'info', production: true }, false, {
      write: (line: string) => void lines.push(JSON.parse(line)),
    })
    const { authenticate } = createAuthenticator({
      keys: { kind: 'jwks', urls: [source.url] },
      log,
    })
    const other = await signer(alg, 'k1')
    for (let i = 0; i < 3; i++) {
      const token = await other.token({ ...good, sub: `user${i}` })
      await expect(authenticate(token)).rejects.toMatchObject({
        status: 401,
        details: { reason: expect.stringMatching(/^(unusable_key|unknown_key)$/) },
      })
    }
    if (jwk === weak) {
      expect(lines.filter(({ level }) => level === 'warn')).toEqual([
        expect.objectContaining({ kid: 'k1', reason: expect.stringContaining('2048') }),
      ])
    }
    if (typeof jwk !== 'string') {
      await expect(authenticate(await good_.token())).resolves.toMatchObject({ userId: 'alice' })
    }
  })

  test('is still accepted while the source of its known key is unavailable', async () => {
    let now = Date.now()
    const source = await provider()
    const key = await signer('ES256', 'a')
    source.keys = [key.jwk]
    const { authenticate } = createAuthenticator({
      keys: { kind: 'jwks', urls: [source.url] },
      now: () => now,
    })
    await authenticate(await key.token())
    source.status = 503
    now += 3_000_000
    const later = await key.token({ sub: 'bob', exp: good.exp + 7200 })
    await expect(authenticate(later)).resolves.toMatchObject({ userId: 'bob' })
  })

  test('of a tenant is 503 while its own key set is unavailable, and no other tenant notices', async () => {
    const [theirs, others] = [await provider(), await provider()]
    theirs.status = 500
    const key = await signer('ES256', 'a')
    others.keys = [key.jwk]
    const secret = 'the secret of the server, of more than 32 bytes'
    const identities: Record<string, TenantIdentity> = {
      acme: { kind: 'jwks', url: theirs.url },
      beta: { kind: 'jwks', url: others.url, issuer: 'https://beta', audience: 'balance' },
    }
    const settings = new Map(
      Object.entries(identities).map(([tenant, identity]) => [tenant, { identity }]),
    )
    const fetched: string[] = []
    const { authenticate } = createAuthenticator({
      keys: { kind: 'secret', secret },
      tenants: { settingsOf: (tenant) => settings.get(tenant) ?? {}, hasIdentities: true },
      async fetchTenantSet(url) {
        fetched.push(url)
        const response = await fetch(url)
        if (response.status !== 200) throw new Error(`answered ${response.status}`)
        return response.json()
      },
    })
    const of = (tenant: string, more: object = {}) => key.token({ ...good, tenant, ...more })
    for (let i = 0; i < 3; i++) {
      await expect(authenticate(await of('acme', { sub: `user${i}` }))).rejects.toMatchObject({
        ...{ status: 503, code: 'unavailable', retryAfter: 5 },
      })
    }
    const forBeta = { iss: 'https://beta', aud: 'balance' }
    await expect(authenticate(await of('beta', forBeta))).resolves.toMatchObject({ tenant: 'beta' })
    const own = await mintToken({ sub: 'alice', secret })
    await expect(authenticate(own)).resolves.toMatchObject({ tenant: 'default' })
    // The guarded way was taken, and not more often than the limit allows.
    expect(fetched).toEqual([theirs.url, others.url])

    for (const [claims, reason] of [
      [{ ...forBeta, iss: 'https://acme' }, 'issuer'],
      [{ ...forBeta, aud: 'shop' }, 'audience'],
    ] as const) {
      await expect(authenticate(await of('beta', claims))).rejects.toMatchObject({
        ...{ status: 401, details: { reason } },
      })
    }
    // The public key of a set is no secret of HS256 tokens, and no tenant's key opens another tenant.
    const forged = await new SignJWT({ ...good, tenant: 'beta', ...forBeta })
      .setProtectedHeader({ alg: 'HS256', kid: 'a' })
      .sign(new TextEncoder().encode(JSON.stringify(key.jwk)))
    await expect(authenticate(forged)).rejects.toMatchObject({ details: { reason: 'algorithm' } })
    await expect(authenticate(await of('default'))).rejects.toMatchObject({ status: 401 })
  })

  test('is 503 where the set has more keys than any provider publishes', async () => {
    const source = await provider()
    const key = await signer('ES256', 'a')
    source.keys = [key.jwk, ...Array.from({ length: 100 }, () => ({}))]
    const { authenticate } = createAuthenticator({ keys: { kind: 'jwks', urls: [source.url] } })
    await expect(authenticate(await key.token())).rejects.toMatchObject({ status: 503 })
  })

  /** Known keys whose source hangs from now on. */
  async function hanging() {
    let now = Date.now()
    const source = await provider()
    const key = await signer('ES256', 'a')
    source.keys = [key.jwk]
    const { authenticate } = createAuthenticator({
      keys: { kind: 'jwks', urls: [source.url] },
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

  test('does not wait for a source that hangs, even when its keys are due for a new fetch', async () => {
    const { source, fresh, later } = await hanging()
    later(601_000)
    await expect(fresh('bob')).resolves.toMatchObject({ userId: 'bob' })
    await eventually(() => expect(source.waiting).toBe(1))
    await expect(fresh('carol')).resolves.toMatchObject({ userId: 'carol' })
    // If either had waited, it would have waited until this request timed out.
    expect([source.asked, source.waiting]).toEqual([2, 1])
  })

  test('waits once for a source that hangs when its keys are old, and no second time', async () => {
    const { source, fresh, later } = await hanging()
    later(1_201_000)
    await expect(fresh('bob')).resolves.toMatchObject({ userId: 'bob' })
    await eventually(() => expect([source.asked, source.waiting]).toEqual([2, 0]))
    later(5_000)
    await expect(fresh('carol')).resolves.toMatchObject({ userId: 'carol' })
    await eventually(() => expect([source.asked, source.waiting]).toEqual([3, 1]))
  })

  test('is rejected when its key was withdrawn while no request came', async () => {
    const { source, fresh, later } = await hanging()
    source.hangs = false
    source.keys = []
    later(1_201_000)
    await expect(fresh('bob')).rejects.toMatchObject({ code: 'unauthorized' })
  })

  test('is then rejected even when it was cached', async () => {
    const { source, authenticate, tokenOf, later } = await hanging()
    const token = await tokenOf('ann')
    await expect(authenticate(token)).resolves.toMatchObject({ userId: 'ann' })
    source.hangs = false
    source.keys = []
    later(1_201_000)
    await expect(authenticate(token)).rejects.toMatchObject({ code: 'unauthorized' })
  })
})
