import { createHash } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startIdentityProvider, type TestProvider } from '../support/auth/identity-provider.ts'
import { createDatabase, mintToken, TEST_SECRET, type TestDatabase } from '../support/index.ts'
import { type Site, startSite } from '../support/web/site.ts'

let provider: TestProvider
let database: TestDatabase
let site: Site

beforeAll(async () => {
  provider = await startIdentityProvider()
  database = await createDatabase()
  site = await startSite(database, 0, { ...provider.variables, OIDC_TENANT_CLAIM: 'shop' })
})
afterAll(async () => {
  await site?.stop()
  await database?.drop()
  await provider?.close()
})
beforeEach(() => {
  provider.person = { sub: 'ada', groups: ['finance', 'tennis'] }
  provider.tamper = undefined
  provider.answers = () => true
})

/** Sends a request as the page does that is open at the server. */
async function post(path: string, body: object, headers: Record<string, string> = {}) {
  const response = await fetch(site.url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Origin: site.url, ...headers },
    body: JSON.stringify(body),
  })
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the shape of its answer
  return { status: response.status, body: (await response.json()) as any }
}

async function begin(page = 'console', more: object = {}) {
  const { status, body } = await post('/sign-in/begin', { page, ...more })
  expect(status).toBe(200)
  return body as { url: string; state: string; proof: string }
}

/** Begins, lets the provider agree, and returns what the page then sends. */
async function agreed(page = 'console') {
  const { url, state, proof } = await begin(page)
  const back = provider.agree(url)
  const [code, iss] = [back.searchParams.get('code') ?? '', back.searchParams.get('iss') ?? '']
  return { state, proof, code, iss }
}

const finish = (sent: object) => post('/sign-in/finish', sent)

const session = async (token: string) => {
  const headers = { Authorization: `Bearer ${token}` }
  const response = await fetch(`${site.url}/admin/session`, { headers })
  return { status: response.status, body: await response.json() }
}

const failed = (reason: string) => ({
  status: 400,
  body: expect.objectContaining({ code: 'sign_in_failed', details: { reason } }),
})

describe('a sign-in', () => {
  test('asks the provider with state, nonce and PKCE, and gives the person back to the page', async () => {
    const { url, state, proof } = await begin()
    const asked = new URL(url)
    expect(asked.origin + asked.pathname).toBe(`${provider.issuer}/authorize`)
    expect(Object.fromEntries(asked.searchParams)).toEqual({
      client_id: 'livebalance',
      response_type: 'code',
      scope: 'openid profile',
      redirect_uri: `${site.url}/admin/sign-in`,
      state,
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    })
    expect(new Set([state, proof, asked.searchParams.get('nonce')]).size).toBe(3)
    const wallet = new URL((await begin('wallet', { again: true })).url).searchParams
    expect(wallet.get('redirect_uri')).toBe(`${site.url}/sign-in`)
    expect(wallet.get('prompt')).toBe('login')
  })

  test('gives a session with the roles that the provider’s groups mean, and no others', async () => {
    provider.person = { sub: 'ada', groups: ['finance', 'service', 'operator'], shop: 'north' }
    const { status, body } = await finish(await agreed())
    expect(status).toBe(200)
    expect(body).toMatchObject({ userId: 'ada', tenant: 'north' })
    const left = Date.parse(body.expiresAt) - Date.now()
    expect(left / 3_600_000).toBeCloseTo(1, 2)
    expect((await session(body.token)).body).toMatchObject({
      ...{ userId: 'ada', tenant: 'north', roles: ['admin'] },
    })
    provider.person = { sub: 'bob' }
    const user = (await finish(await agreed('wallet'))).body
    expect((await session(user.token)).body).toMatchObject({ tenant: 'default', roles: [] })
  })

  test('makes an operator of whom the provider calls one', async () => {
    provider.person = { sub: 'olga', groups: ['platform'] }
    const { token } = (await finish(await agreed())).body
    const tenants = await fetch(`${site.url}/platform/tenants`, {
      headers: { Authorization: `Bearer ${token}` },
    })
    expect(tenants.status).toBe(200)
  })

  test('ends on every process when the person signs out', async () => {
    const { token } = (await finish(await agreed())).body
    const other = await startSite(database, 0, provider.variables)
    const headers = { Authorization: `Bearer ${token}` }
    const ask = async (url: string) => (await fetch(`${url}/admin/session`, { headers })).status
    try {
      expect([await ask(site.url), await ask(other.url)]).toEqual([200, 200])
      const { status, body } = await post('/sign-in/end', { page: 'console' }, headers)
      expect(status).toBe(200)
      const out = new URL(body.url)
      expect(out.origin + out.pathname).toBe(`${provider.issuer}/logout`)
      expect(out.searchParams.get('post_logout_redirect_uri')).toBe(`${site.url}/admin`)
      expect(out.searchParams.get('client_id')).toBe('livebalance')
      expect(await ask(site.url)).toBe(401)
      await expect.poll(() => ask(other.url)).toBe(401)
    } finally {
      await other.stop()
    }
  })

  test('can be finished by another process than the one that began it', async () => {
    const other = await startSite(database, 0, provider.variables)
    try {
      const sent = await agreed()
      const response = await fetch(`${other.url}/sign-in/finish`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Origin: other.url },
        body: JSON.stringify(sent),
      })
      expect(response.status).toBe(200)
    } finally {
      await other.stop()
    }
  })
})

describe('an attacker', () => {
  test('cannot finish a sign-in with an invented or a used state', async () => {
    const sent = await agreed()
    expect(await finish({ ...sent, state: 'invented' })).toEqual(failed('stale'))
    expect((await finish(sent)).status).toBe(200)
    expect(await finish(sent)).toEqual(failed('stale'))
  })

  test('cannot finish a sign-in that another browser began', async () => {
    const [mine, theirs] = [await agreed(), await agreed()]
    expect(await finish({ ...theirs, proof: mine.proof })).toEqual(failed('stale'))
    // Nor with a code of their own: it belongs to another verifier.
    const { code } = await agreed()
    expect(await finish({ ...mine, code })).toEqual(failed('code'))
  })

  test('cannot use a code twice', async () => {
    const { code, iss } = await agreed()
    const { url, state, proof } = await begin()
    const first = await finish({
      state,
      proof,
      code: provider.agree(url).searchParams.get('code'),
      iss,
    })
    expect(first.status).toBe(200)
    const used = await begin()
    expect(await finish({ state: used.state, proof: used.proof, code, iss })).toEqual(
      failed('code'),
    )
  })

  const now = () => Math.floor(Date.now() / 1000)
  test.each<[string, NonNullable<TestProvider['tamper']>]>([
    ['another nonce', ({ claims }) => void Object.assign(claims, { nonce: 'another' })],
    ['no nonce', ({ claims }) => void delete claims.nonce],
    ['another audience', ({ claims }) => void Object.assign(claims, { aud: 'another-client' })],
    [
      'an audience of two, meant for the other',
      ({ claims }) => void Object.assign(claims, { aud: ['livebalance', 'x'], azp: 'x' }),
    ],
    ['another issuer', ({ claims }) => void Object.assign(claims, { iss: 'https://evil.example' })],
    ['an expiry that is past', ({ claims }) => void Object.assign(claims, { exp: now() - 120 })],
    ['no expiry', ({ claims }) => void delete claims.exp],
    ['alg none', ({ claims }) => new UnsecuredJWT(claims).encode()],
    [
      'a signature of nobody',
      ({ claims }) => {
        const [header, payload] = [{ alg: 'RS256', kid: 'one' }, claims].map((part) =>
          Buffer.from(JSON.stringify(part)).toString('base64url'),
        )
        return `${header}.${payload}.${Buffer.alloc(256).toString('base64url')}`
      },
    ],
  ])('cannot enter by an ID token with %s', async (_, tamper) => {
    const sent = await agreed()
    provider.tamper = tamper
    expect(await finish(sent)).toEqual(failed('token'))
  })

  test('cannot enter by an ID token that is signed with the public key as a secret', async () => {
    const { keys } = (await (await fetch(`${provider.issuer}/jwks`)).json()) as { keys: object[] }
    const { url, state, proof } = await begin()
    const nonce = new URL(url).searchParams.get('nonce')
    const forged = await new SignJWT({ nonce, sub: 'ada', groups: ['finance'] })
      .setProtectedHeader({ alg: 'HS256', kid: 'one' })
      .setIssuer(provider.issuer)
      .setAudience('livebalance')
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(createHash('sha256').update(JSON.stringify(keys[0])).digest())
    provider.tamper = () => forged
    const code = provider.agree(url).searchParams.get('code')
    const sent = { state, proof, code, iss: provider.issuer }
    expect(await finish(sent)).toEqual(failed('token'))
  })

  test('cannot mix in an answer of another provider', async () => {
    const sent = await agreed()
    expect(await finish({ ...sent, iss: 'https://evil.example' })).toEqual(failed('token'))
    const { iss: _, ...without } = await agreed()
    expect(await finish(without)).toEqual(failed('token'))
  })

  test('cannot make the provider give a person to another site', async () => {
    for (const origin of ['https://evil.example', 'null', `${site.url}.evil.example`]) {
      const sent = { page: 'console' }
      const { status, body } = await post('/sign-in/begin', sent, { Origin: origin })
      expect([origin, status, body.code]).toEqual([origin, 403, 'forbidden'])
    }
    const { status } = await post('/sign-in/begin', {
      page: 'console',
      redirect_uri: 'https://evil.example',
    })
    expect(status).toBe(400)
    // The provider is told only the origin that the page has.
    expect(
      (await post('/sign-in/finish', await agreed(), { Origin: 'https://evil.example' })).status,
    ).toBe(403)
  })

  test('cannot make a session with the secret of the tokens, nor a token with a session’s form', async () => {
    const { token } = (await finish(await agreed())).body
    const forged = await new SignJWT(decodeJwt(token))
      .setProtectedHeader(decodeProtectedHeader(token) as { alg: string })
      .sign(new TextEncoder().encode(TEST_SECRET))
    expect(await session(forged)).toMatchObject({
      status: 401,
      body: { details: { reason: 'signature' } },
    })
    // Under another name, a session is only a token with a wrong signature.
    const [, payload, signature] = token.split('.')
    const header = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'JWT' })).toString('base64url')
    expect((await session([header, payload, signature].join('.'))).status).toBe(401)
  })

  test('cannot enter a tenant that signs its own tokens', async () => {
    const operator = await mintToken({ sub: 'root', roles: ['operator'] })
    const authorization = { Authorization: `Bearer ${operator}` }
    provider.person = { sub: 'ada', groups: ['finance'], shop: 'south' }
    const early = (await finish(await agreed())).body
    expect((await session(early.token)).status).toBe(200)
    const identity = { secret: 'the secret of the tenant south: 32 bytes' }
    const made = await post(
      '/platform/tenants',
      { id: 'south', name: 'South', identity },
      authorization,
    )
    expect(made).toMatchObject({ status: 201 })
    expect(await finish(await agreed())).toEqual(failed('tenant'))
    expect((await session(early.token)).status).toBe(401)
  })
})

describe('an account', () => {
  test('without a user id that can be one does not enter', async () => {
    provider.person = { sub: 'two words', groups: [] }
    expect(await finish(await agreed())).toEqual(failed('claim'))
  })

  test('of a suspended tenant does not enter', async () => {
    const authorization = {
      Authorization: `Bearer ${await mintToken({ sub: 'root', roles: ['operator'] })}`,
    }
    await post('/platform/tenants', { id: 'west', name: 'West' }, authorization)
    await post('/platform/tenants/west/suspend', {}, authorization)
    provider.person = { sub: 'wanda', shop: 'west' }
    expect(await finish(await agreed())).toMatchObject({
      ...{ status: 403, body: { code: 'tenant_suspended' } },
    })
  })
})

describe('while the provider is away', () => {
  const away = {
    status: 503,
    body: expect.objectContaining({ code: 'unavailable', details: { part: 'identity_provider' } }),
  }

  test('a sign-in says so at its end, and works the next time; tokens work all the time', async () => {
    const sent = await agreed()
    provider.answers = (path) => path !== '/token'
    expect(await finish(sent)).toEqual(away)
    expect((await session(await mintToken({ sub: 'root', roles: ['admin'] }))).status).toBe(200)
    provider.answers = () => true
    const { token } = (await finish(await agreed())).body
    // Signing out ends the session here also while nothing can be said there.
    provider.answers = () => false
    const headers = { Authorization: `Bearer ${token}` }
    expect((await post('/sign-in/end', { page: 'wallet' }, headers)).status).toBe(200)
    expect((await session(token)).status).toBe(401)
  })

  test('the server starts, and a sign-in says so at its beginning, until the provider is back', async () => {
    provider.answers = () => false
    const other = await startSite(database, 0, provider.variables)
    const ask = async () => {
      const response = await fetch(`${other.url}/sign-in/begin`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Origin: other.url },
        body: JSON.stringify({ page: 'wallet' }),
      })
      return { status: response.status, body: await response.json() }
    }
    try {
      expect(await ask()).toEqual(away)
      provider.answers = () => true
      expect((await ask()).status).toBe(200)
    } finally {
      await other.stop()
    }
  })
})

test('without a provider there is no sign-in, and a session opens nothing', async () => {
  const { token } = (await finish(await agreed())).body
  const other = await startSite(database)
  try {
    const response = await fetch(`${other.url}/sign-in/begin`, { method: 'POST' })
    expect(response.status).toBe(404)
    expect(await (await fetch(`${other.url}/session.json`)).json()).not.toHaveProperty('provider')
    const headers = { Authorization: `Bearer ${token}` }
    expect((await fetch(`${other.url}/admin/session`, { headers })).status).toBe(401)
  } finally {
    await other.stop()
  }
})
