import { expect, test } from 'vitest'
import type { ConfigError } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/config.ts'
import { LOCAL_PAGES } from '../../src/lib/origins.ts'

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
