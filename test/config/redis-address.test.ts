import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { ConfigError, parseConfig } from '../../src/config/config.ts'
import { describeRedis, parseRedisAddress } from '../../src/config/redis-address.ts'

const folder = mkdtempSync(join(inject('runFolder'), 'ca-'))
const pem = join(folder, 'ca.pem')
writeFileSync(pem, 'a certificate')
const bytes = Buffer.from('a certificate')

const single = (host: string, port = 6379) => ({ kind: 'single', server: { host, port } })

const TAKEN: [text: string, expected: object][] = [
  ['redis://r', { ...single('r'), database: 0, tls: undefined, username: undefined }],
  ['redis://r:6000/2', { ...single('r', 6000), database: 2 }],
  ['redis://r/2/', { database: 2 }],
  ['redis://r?db=3', { database: 3 }],
  ['redis://', single('localhost')],
  ['redis:///4', { ...single('localhost'), database: 4 }],
  ['redis://me:pw@r', { username: 'me', password: 'pw' }],
  ['redis://:pw@r', { username: undefined, password: 'pw' }],
  ['redis://:p%40s%2Fs%3A%25@r', { password: 'p@s/s:%' }],
  ['redis://me:a:b@r', { password: 'a:b' }],
  ['redis://r?user=me&password=p%26w', { username: 'me', password: 'p&w' }],
  ['redis://[::1]:6000', single('::1', 6000)],
  ['redis://[fe80::1%25eth0]', single('fe80::1%eth0')],
  ['valkey://r', single('r')],
  ['valkeys://r', { ...single('r'), tls: {} }],
  ['REDISS://r', { ...single('r'), tls: {} }],
  ['redis+tls://r', { tls: {} }],
  ['redis://r?tls=true', { tls: {} }],
  ['redis://r?ssl=true', { tls: {} }],
  [
    `rediss://r?cacert=${pem}&cert=${pem}&key=${pem}&sni=redis.internal`,
    { tls: { ca: bytes, cert: bytes, key: bytes, servername: 'redis.internal' } },
  ],
  [
    `rediss://r?ssl_ca_certs=${pem}&ssl_certfile=${pem}&ssl_keyfile=${pem}&ssl_cert_reqs=required`,
    { tls: { ca: bytes, cert: bytes, key: bytes } },
  ],
  ['rediss://r?ssl_cert_reqs=none', { tls: { rejectUnauthorized: false } }],
  ['rediss://r?skip_verify=true', { tls: { rejectUnauthorized: false } }],
  ['rediss://r?verifyPeer=CA', { tls: { checkServerIdentity: expect.any(Function) } }],
  [
    'redis://r?protocol=3&socket_timeout=5&max_connections=10&health_check_interval=30&family=6',
    single('r'),
  ],
  ['unix:///run/redis.sock', { kind: 'single', server: { path: '/run/redis.sock' }, database: 0 }],
  [
    'unix://me:pw@/run/redis.sock?db=2',
    { server: { path: '/run/redis.sock' }, database: 2, username: 'me', password: 'pw' },
  ],
  ['redis+socket:///run/a%20b.sock', { server: { path: '/run/a b.sock' } }],
  ['redis+unix:///run/r.sock', { server: { path: '/run/r.sock' } }],
  ['redis-socket:///run/r.sock?database=1', { server: { path: '/run/r.sock' }, database: 1 }],
  [
    'redis-sentinel://me:pw@h1:26380,h2,[::1]:26381/mymaster/1?sentinelUsername=s&sentinelPassword=t',
    {
      kind: 'sentinel',
      username: 'me',
      password: 'pw',
      sentinels: [
        { host: 'h1', port: 26_380 },
        { host: 'h2', port: 26_379 },
        { host: '::1', port: 26_381 },
      ],
      masterName: 'mymaster',
      database: 1,
      sentinelLogin: { username: 's', password: 't' },
      sentinelTls: undefined,
    },
  ],
  // As Lettuce writes it.
  ['redis-sentinel://h/2?sentinelMasterId=main', { masterName: 'main', database: 2 }],
  ['redis-sentinel://h/2#main', { masterName: 'main', database: 2 }],
  ['redis-sentinel://h#main', { masterName: 'main', database: 0 }],
  // As redis-py's wrappers write it.
  ['redis+sentinel://h/main?sentinel_password=t', { sentinelLogin: { password: 't' } }],
  ['rediss+sentinel://h/main', { tls: {}, sentinelTls: {} }],
  ['rediss-sentinel://h/main?sentinelTls=false', { tls: {}, sentinelTls: undefined }],
  [
    'redis-cluster://me:pw@h1:7000,h2?natMap=10.0.0.5:7000=out:8000',
    {
      kind: 'cluster',
      nodes: [
        { host: 'h1', port: 7000 },
        { host: 'h2', port: 6379 },
      ],
      natMap: { '10.0.0.5:7000': { host: 'out', port: 8000 } },
    },
  ],
  ['rediss+cluster://h', { kind: 'cluster', tls: {} }],
]

describe('an address as clients of Redis write it', () => {
  test.each(TAKEN)('%s', (text, expected) => {
    expect(parseRedisAddress(text)).toMatchObject(expected)
  })

  test.each([
    ['redis://:pw@[::1]:6000/2', '[::1]:6000'],
    ['unix://:pw@/run/r.sock', '/run/r.sock'],
    ['redis-sentinel://:pw@a,b/main', 'main of Sentinel a:26379,b:26379'],
    ['redis-cluster://:pw@a,b', 'cluster a:6379,b:6379'],
  ])('%s is shown as %s', (text, shown) => {
    expect(describeRedis(parseRedisAddress(text))).toBe(shown)
  })
})

const secret = 'hunter2'
const REFUSED: [text: string, message: RegExp][] = [
  ['http://r', /must be redis:\/\//],
  ['localhost:6379', /must be redis:\/\//],
  [`redis://:${secret}@ss@r`, /@ in the password must be %40/],
  [`redis://:${secret}/s@r`, /port must be a number/],
  [`redis://:${secret}#s@r`, /# in the password must be %23/],
  [`redis://:${secret}%@r`, /password is not percent-encoded/],
  [`redis://${secret}@r`, /a user without a password/],
  ['redis://::1', /IPv6 address in brackets/],
  ['redis://r:0', /port must be a number/],
  ['redis://r/main', /database must be a number/],
  ['redis:///run/redis.sock', /unix:\/\/\/run\/redis.sock/],
  ['redis://a,b', /several servers: begin with redis-sentinel:\/\/ or redis-cluster:\/\//],
  ['unix://', /names no socket/],
  ['redis://r?tsl=true', /tsl is not a known parameter/],
  ['redis://r?db=1&db=2', /db is given twice/],
  ['redis://r?keyPrefix=a', /keyPrefix is not supported/],
  ['redis://r?role=slave', /role is not supported: the server needs the primary/],
  [`redis://r?cacert=${pem}`, /no TLS: begin with rediss:\/\//],
  [`rediss://r?cert=${pem}`, /needs both files/],
  [
    'rediss://r?cacert=/nowhere/ca.pem',
    /REDIS_TLS_CA.* cannot be read \(ENOENT\): \/nowhere\/ca.pem/,
  ],
  ['rediss://r?ssl_cert_reqs=some', /ssl_cert_reqs must be one of none/],
  ['redis-sentinel://h', /does not name the primary/],
  ['redis-sentinel://h/a/0/b', /path must be/],
  ['redis-sentinel:///main', /names no host/],
  ['redis-cluster://h/1', /only the database 0/],
  ['redis-cluster://h?natMap=a:1', /must be pairs such as/],
]

test.each(REFUSED)('%s is refused in one line without a secret', (text, message) => {
  const refusal = () => parseRedisAddress(text)
  expect(refusal).toThrow(message)
  expect(refusal).not.toThrow(/hunter2|\n/)
})

describe('the variables', () => {
  test('REDIS_SENTINELS and REDIS_CLUSTER take hosts, with logins and files in variables of their own', () => {
    const login = { REDIS_USERNAME: 'me', REDIS_PASSWORD: 'pw' }
    expect(
      parseConfig({
        ...login,
        REDIS_SENTINELS: 'h1, h2:26380',
        REDIS_SENTINEL_MASTER: 'main',
        REDIS_SENTINEL_PASSWORD: 't',
        REDIS_TLS_CA: pem,
        REDIS_NAT_MAP: '10.0.0.5=out:7000',
      }).redis,
    ).toMatchObject({
      kind: 'sentinel',
      setting: 'REDIS_SENTINELS',
      username: 'me',
      password: 'pw',
      masterName: 'main',
      sentinels: [
        { host: 'h1', port: 26_379 },
        { host: 'h2', port: 26_380 },
      ],
      sentinelLogin: { password: 't' },
      tls: { ca: bytes },
      natMap: { '10.0.0.5:6379': { host: 'out', port: 7000 } },
    })
    expect(parseConfig({ ...login, REDIS_CLUSTER: 'h1:7000,h2:7001' }).redis).toMatchObject({
      kind: 'cluster',
      setting: 'REDIS_CLUSTER',
      username: 'me',
      tls: undefined,
    })
    expect(parseConfig({ REDIS_CLUSTER: 'redis-cluster://:pw@h1' }).redis).toMatchObject({
      password: 'pw',
    })
  })

  test('a login in the address wins', () => {
    const { redis } = parseConfig({ REDIS_URL: 'redis://me:pw@r', REDIS_PASSWORD: 'other' })
    expect(redis).toMatchObject({ username: 'me', password: 'pw' })
  })

  test.each([
    [
      { REDIS_URL: 'redis://r', REDIS_CLUSTER: 'h' },
      'REDIS_URL and REDIS_CLUSTER exclude each other: set the one that leads to your Redis',
    ],
    [{ REDIS_SENTINELS: 'h' }, /^REDIS_SENTINELS does not name the primary/],
    [{ REDIS_CLUSTER: 'redis://h' }, /^REDIS_CLUSTER must begin with redis-cluster:\/\//],
    [{ REDIS_URL: 'redis://r', REDIS_TLS_CA: pem }, /^REDIS_URL has REDIS_TLS_CA, but no TLS/],
    [
      { REDIS_URL: 'rediss://r', REDIS_TLS_CERT: pem },
      /^REDIS_URL a client certificate needs both files/,
    ],
  ])('%j is refused in one line', (env, message) => {
    expect(() => parseConfig(env)).toThrow(ConfigError)
    expect(() => parseConfig(env)).toThrow(message)
  })
})
