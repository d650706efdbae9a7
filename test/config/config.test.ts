import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import type { ConfigError } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/config.ts'
import { LOCAL_PAGES } from '../../src/lib/origins.ts'
import { newVapidKeys } from '../../src/lib/vapid.ts'

const SECRET = 'a secret of at least thirty-two bytes'

function complaints(env: Record<string, string>): string[] {
  try {
    parseConfig(env)
  } catch (error) {
    return (error as ConfigError).message.split('\n')
  }
  return []
}

test('an empty environment is the embedded server on this machine alone', () => {
  expect(parseConfig({})).toMatchObject({
    port: 3000,
    host: '127.0.0.1',
    databaseUrl: undefined,
    redis: undefined,
    dataDir: '.livebalance',
    tokenKeys: { kind: 'generated' },
    currency: 'USD',
    corsOrigins: ['http://localhost:*'],
    rateLimits: {
      perUser: { reads: 1200, writes: 300, handshakes: 120 },
      perAddress: { reads: 12_000, writes: 3000, handshakes: 1200 },
      trustProxy: 0,
    },
    jwtMaxLifetime: undefined,
    logLevel: 'info',
    requestTimeoutMs: 10_000,
    auditTimeoutMs: 600_000,
    eventRetentionSeconds: 604_800,
  })
})

test('a variable that is set but empty counts as unset', () => {
  expect(parseConfig({ PORT: '', DATABASE_URL: '', JWT_SECRET: '' })).toEqual(parseConfig({}))
})

test('a set secret wins in embedded mode too', () => {
  expect(parseConfig({ JWT_SECRET: SECRET }).tokenKeys).toEqual({ kind: 'secret', secret: SECRET })
})

test.each([
  ['7d', 604_800],
  ['24h', 86_400],
  ['30m', 1800],
  ['3600s', 3600],
  ['3600', 3600],
])('events are kept for %s', (text, seconds) => {
  expect(parseConfig({ EVENT_RETENTION: text }).eventRetentionSeconds).toBe(seconds)
})

test('origins come as a comma-separated list', () => {
  const listed = (env: Record<string, string>) =>
    parseConfig({ CORS_ORIGINS: 'https://a.example.com, http://localhost:5173', ...env })
      .corsOrigins
  const both = ['https://a.example.com', 'http://localhost:5173']
  expect(listed({ DATABASE_URL: 'postgres://localhost/x', JWT_SECRET: SECRET })).toEqual(both)
  expect(listed({ NODE_ENV: 'production' })).toEqual(both)
  expect(listed({})).toEqual([...both, LOCAL_PAGES])
})

test('amounts that are asked about again come by currency, one for all others', () => {
  const above = (CONFIRM_ABOVE: string) => parseConfig({ CONFIRM_ABOVE }).confirmAbove
  expect(parseConfig({}).confirmAbove).toEqual({ '*': 1000 })
  expect(above('500,JPY=150000,KWD=0.5')).toEqual({ '*': 500, JPY: 150_000, KWD: 0.5 })
  expect(() => above('500,XXA=1')).toThrow('CONFIRM_ABOVE')
  expect(() => above('many')).toThrow('CONFIRM_ABOVE')
})

test.each([
  ['1', 1],
  ['16', 16],
  ['auto', availableParallelism()],
])('WORKERS=%s is %i processes', (WORKERS, workers) => {
  expect(parseConfig({ WORKERS }).workers).toBe(workers)
  expect(parseConfig({}).workers).toBe(1)
})

test.each(['0', '-1', '1.5', 'all', '1000'])('WORKERS=%s is refused', (WORKERS) => {
  expect(complaints({ WORKERS })).toEqual([
    'WORKERS must be a number of processes from 1 to 128, or auto',
  ])
})

test('there are at most 128 workers', () => {
  expect(complaints({ WORKERS: '129' })).toEqual(['WORKERS must be at most 128'])
})

test('every bad variable gets one line of its own', () => {
  expect(
    complaints({
      PORT: '70000',
      DATABASE_URL: 'mysql://localhost/db',
      REDIS_URL: 'localhost:6379',
      JWT_SECRET: 'short',
      CURRENCY: 'usd',
      CORS_ORIGINS: 'example.com',
      JWT_MAX_LIFETIME: '0',
      TRUST_PROXY: 'maybe',
      RATE_LIMIT_READS: '-1',
      LOG_LEVEL: 'loud',
      REQUEST_TIMEOUT: '0',
      EVENT_RETENTION: 'a week',
    }),
  ).toEqual([
    'PORT must be a port number, at most 65535',
    'DATABASE_URL must be postgres://user:password@host:port/database; encode special characters, such as %40 for @',
    'REDIS_URL must be redis://user:password@host:port/database, or begin with rediss://, unix://, redis-sentinel:// or redis-cluster://; encode special characters, such as %40 for @',
    'JWT_SECRET must be at least 32 bytes long',
    'JWT_MAX_LIFETIME must be more than 0 seconds',
    'CURRENCY must be an ISO 4217 code such as USD',
    'CORS_ORIGINS must be a comma-separated list of origins such as https://app.example.com, or *',
    'TRUST_PROXY must be the number of proxies in front, or true or false',
    'RATE_LIMIT_READS must be a whole number, 0 for no limit',
    'LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent',
    'REQUEST_TIMEOUT must be more than 0 seconds',
    'EVENT_RETENTION must be a duration such as 7d, 24h, 30m or 90 (seconds)',
  ])
})

test('the address of a key set or of a collector has no password in it, those of databases may', () => {
  const withPassword = 'https://me:hunter2@id.example.com/jwks'
  expect(complaints({ JWT_JWKS_URL: withPassword })).toEqual([
    'JWT_JWKS_URL must not contain a user or a password',
  ])
  expect(
    complaints({
      ...{ DATABASE_URL: 'postgres://me:hunter2@db/app', REDIS_URL: 'redis://:hunter2@redis' },
      JWT_SECRET: SECRET,
    }),
  ).toEqual([])
})

test('no complaint repeats a value, which may be a secret', () => {
  const text = complaints({ JWT_SECRET: 'hunter2', DATABASE_URL: 'hunter2' }).join()
  expect(text).not.toContain('hunter2')
})

test('a shared database needs a secret of its own: there is no default one', () => {
  expect(complaints({ DATABASE_URL: 'postgres://db/app' })).toEqual([
    'JWT_SECRET (or JWT_JWKS_URL) must be set with DATABASE_URL: there is no default secret',
  ])
})

test('a secret and a key set exclude each other', () => {
  expect(complaints({ JWT_SECRET: SECRET, JWT_JWKS_URL: 'https://id.example.com/jwks' })).toEqual([
    'JWT_SECRET and JWT_JWKS_URL exclude each other: set the one that signs your tokens',
  ])
})

test('push notifications have the operator’s keys, the server’s own in embedded mode, or none', () => {
  const { publicKey, privateKey } = newVapidKeys()
  const pair = { VAPID_PUBLIC_KEY: publicKey, VAPID_PRIVATE_KEY: privateKey }
  const shared = { DATABASE_URL: 'postgres://localhost/balance', JWT_SECRET: SECRET }
  const subject = { VAPID_SUBJECT: 'mailto:ops@example.com' }
  expect(parseConfig({}).push.keys).toBe('generated')
  expect(parseConfig(shared).push.keys).toBeUndefined()
  for (const env of [{}, shared]) {
    expect(parseConfig({ ...env, ...pair, ...subject }).push).toMatchObject({
      keys: { publicKey, privateKey },
      subject: subject.VAPID_SUBJECT,
    })
  }
  const { VAPID_PUBLIC_KEY, VAPID_PRIVATE_KEY } = pair
  const half = ['VAPID_PUBLIC_KEY and VAPID_PRIVATE_KEY must be set together']
  expect(complaints({ VAPID_PUBLIC_KEY, ...subject })).toEqual(half)
  expect(complaints({ VAPID_PRIVATE_KEY, ...subject })).toEqual(half)
  expect(complaints(pair)).toEqual([expect.stringMatching(/^VAPID_SUBJECT must be set/)])
  const other = { ...pair, VAPID_PUBLIC_KEY: newVapidKeys().publicKey, ...subject }
  expect(complaints(other)).toEqual([expect.stringMatching(/^VAPID_PRIVATE_KEY is not the one/)])
})

test('an identity provider for people has a client, a secret for sessions, and nobody listening', () => {
  const oidc = { OIDC_ISSUER: 'https://login.example.com/company', OIDC_CLIENT_ID: 'balance' }
  expect(parseConfig({}).signIn).toBeUndefined()
  expect(
    parseConfig({ ...oidc, JWT_ROLES_CLAIM: 'groups', JWT_USER_CLAIM: 'oid' }).signIn,
  ).toMatchObject({
    ...{ issuer: oidc.OIDC_ISSUER, clientId: 'balance', clientSecret: undefined },
    ...{ name: 'login.example.com', scope: 'openid profile', seconds: 3600, only: false },
    claims: { user: 'oid', roles: ['groups'] },
  })
  const own = { OIDC_ROLES_CLAIM: 'teams', OIDC_ROLE_MAP: 'finance=admin' }
  const role = { JWT_ROLES_CLAIM: 'groups', JWT_ROLE_MAP: 'x=service', JWT_MAX_LIFETIME: '10m' }
  expect(parseConfig({ ...oidc, ...role, ...own }).signIn).toMatchObject({
    claims: { roles: ['teams'], roleMap: new Map([['finance', 'admin']]) },
    seconds: 600,
  })
  const together = ['OIDC_ISSUER and OIDC_CLIENT_ID must be set together']
  expect(complaints({ OIDC_CLIENT_ID: 'balance' })).toEqual(together)
  expect(complaints({ OIDC_ISSUER: oidc.OIDC_ISSUER })).toEqual(together)
  const keySet = { ...oidc, JWT_JWKS_URL: 'https://login.example.com/keys' }
  expect(complaints(keySet)).toEqual([expect.stringMatching(/^SESSION_SECRET must be set/)])
  expect(parseConfig({ ...keySet, SESSION_SECRET: SECRET }).signIn?.secret).toBe(SECRET)
  expect(complaints({ OIDC_ONLY: 'true' })).toEqual([expect.stringMatching(/^OIDC_ISSUER must/)])
  expect(complaints({ ...oidc, OIDC_ISSUER: 'http://login.example.com' })).toEqual([
    'OIDC_ISSUER must begin with https://, except on this machine',
  ])
  expect(complaints({ ...oidc, OIDC_ROLE_MAP: 'shop=service' })).toEqual([
    expect.stringMatching(/the roles are admin, operator$/),
  ])
  expect(complaints({ ...oidc, OIDC_SCOPE: 'profile' })).toEqual([
    expect.stringMatching(/^OIDC_SCOPE must contain openid/),
  ])
})

test('tenants are placed in databases, and no complaint repeats a password', () => {
  const main = { DATABASE_URL: 'postgres://me@db/main' }
  const placed = (text: string) => ({ ...main, JWT_SECRET: SECRET, TENANT_DATABASES: text })
  const one = 'postgres://me:pw1@db2/one'
  const more = `acme=${one}\n  a=b=${one}  globex=postgres://db3/one`
  expect(parseConfig(placed(more)).tenantDatabases).toEqual([
    { name: 'one', url: one, tenants: ['acme', 'a=b'] },
    { name: 'one-2', url: 'postgres://db3/one', tenants: ['globex'] },
  ])
  for (const [text, complaint] of [
    ['acme', /^TENANT_DATABASES must be pairs separated by spaces: pair 1 is no tenant=postgres/],
    [`acme=${one} acme=postgres://db3/x`, /^TENANT_DATABASES names a tenant twice, in pair 2$/],
    [`acme=${one} b=postgres://me:pw1@db:1x/y`, /^TENANT_DATABASES pair 2: /],
    [`acme=${main.DATABASE_URL}`, /^TENANT_DATABASES names the database of DATABASE_URL/],
  ] as const) {
    const [line, ...others] = complaints(placed(text))
    expect([line, others]).toEqual([expect.stringMatching(complaint), []])
    expect(line).not.toContain('pw1')
  }
  expect(complaints({ TENANT_DATABASES: `acme=${one}` })).toEqual([
    expect.stringMatching(/^DATABASE_URL must be set with TENANT_DATABASES/),
  ])
})
