import { mkdtempSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { parseConnectionString } from '../../src/config/connection-string.ts'

const account = userInfo().username
const folder = mkdtempSync(join(inject('runFolder'), 'ca-'))
const ca = join(folder, 'ca.pem')
writeFileSync(ca, 'a certificate')

const TAKEN: [text: string, expected: object][] = [
  [
    'postgres://me:pw@db/mine',
    { user: 'me', password: 'pw', database: 'mine', hosts: [{ host: 'db', port: 5432 }] },
  ],
  [
    'postgresql://db:6000',
    { user: account, database: account, hosts: [{ host: 'db', port: 6000 }] },
  ],
  ['postgres://me@db', { user: 'me', password: '', database: 'me' }],
  ['postgres://me:p%40s%2Fs%3A%25@db/a%20b', { password: 'p@s/s:%', database: 'a b' }],
  ['postgres://me:a:b@db/x', { password: 'a:b' }],
  ['postgres://[::1]:6000/x', { hosts: [{ host: '::1', port: 6000 }] }],
  ['postgres://[fe80::1%25eth0]/x', { hosts: [{ host: 'fe80::1%eth0', port: 5432 }] }],
  ['postgres:///x', { hosts: [{ host: 'localhost', port: 5432 }], database: 'x' }],
  ['postgres:///x?host=/run/pg', { hosts: [{ path: '/run/pg/.s.PGSQL.5432' }], tls: 'disable' }],
  ['postgres://%2Frun%2Fpg:6000/x', { hosts: [{ path: '/run/pg/.s.PGSQL.6000' }] }],
  ['postgres:///x?host=/run/pg/&port=6001', { hosts: [{ path: '/run/pg/.s.PGSQL.6001' }] }],
  [
    'postgres://a,b:6000,[::2]/x',
    {
      hosts: [
        { host: 'a', port: 5432 },
        { host: 'b', port: 6000 },
        { host: '::2', port: 5432 },
      ],
    },
  ],
  [
    'postgres:///x?host=a,b&port=1,2',
    {
      hosts: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
    },
  ],
  [
    'postgres:///x?host=a,b&port=7',
    {
      hosts: [
        { host: 'a', port: 7 },
        { host: 'b', port: 7 },
      ],
    },
  ],
  ['postgres://db/x?user=u&password=p%26q&dbname=y', { user: 'u', password: 'p&q', database: 'y' }],
  ['postgres://a,b/x?target_session_attrs=read-write', { sessionAttributes: 'read-write' }],
  [
    'postgres://db/x',
    {
      sessionAttributes: 'any',
      tls: 'disable',
      connectTimeoutSeconds: 5,
      keepAliveMs: 60_000,
      pooled: false,
      settings: {},
    },
  ],
  ['postgres://db/x?sslmode=disable', { tls: 'disable' }],
  ['postgres://db/x?sslmode=prefer', { tls: 'prefer', tlsOptions: { rejectUnauthorized: false } }],
  [
    'postgres://db/x?sslmode=require',
    { tls: 'require', tlsOptions: { rejectUnauthorized: false } },
  ],
  ['postgres://db/x?ssl=true', { tls: 'require' }],
  ['postgres://db/x?ssl=false', { tls: 'disable' }],
  [
    `postgres://db/x?sslmode=verify-ca&sslrootcert=${ca}`,
    {
      tls: 'require',
      tlsOptions: {
        rejectUnauthorized: true,
        ca: Buffer.from('a certificate'),
        checkServerIdentity: expect.any(Function),
      },
    },
  ],
  [
    `postgres://db/x?sslmode=require&sslrootcert=${ca}`,
    {
      tlsOptions: {
        rejectUnauthorized: true,
        ca: Buffer.from('a certificate'),
        checkServerIdentity: expect.any(Function),
      },
    },
  ],
  [
    'postgres://db/x?sslmode=verify-full',
    { tls: 'require', tlsOptions: { rejectUnauthorized: true } },
  ],
  [
    'postgres://db/x?sslrootcert=system',
    { tls: 'require', tlsOptions: { rejectUnauthorized: true } },
  ],
  [
    `postgres://db/x?sslmode=verify-full&sslcert=${ca}&sslkey=${ca}&sslpassword=s`,
    {
      tlsOptions: {
        rejectUnauthorized: true,
        cert: expect.any(Buffer),
        key: expect.any(Buffer),
        passphrase: 's',
      },
    },
  ],
  ['postgres://db/x?sslmode=require&sslnegotiation=direct', { tlsDirect: true }],
  // Neon's own: the client cannot bind the login to the channel, so the certificate is proven in its stead.
  [
    'postgresql://me:pw@ep-cool-1.eu.example.tech/mine?sslmode=require&channel_binding=require',
    { tls: 'require', tlsOptions: { rejectUnauthorized: true } },
  ],
  ['postgres://db/x?keepalives=0', { keepAliveMs: 0 }],
  [
    'postgres://db/x?keepalives=1&keepalives_idle=30&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=9',
    { keepAliveMs: 30_000 },
  ],
  ['postgres://db/x?gssencmode=disable&connect_timeout=10', { connectTimeoutSeconds: 10 }],
  [
    'postgres://db/x?schema=public&connection_limit=5&pool_timeout=10&pgbouncer=true',
    { pooled: true, settings: { search_path: '"public"' } },
  ],
  ['postgres://db/x?application_name=shop', { settings: { application_name: 'shop' } }],
  [
    'postgres://db/x?options=-c%20search_path%3Da%2Cpublic%20--work-mem=4MB%20-cx.y=a%5C%20b',
    { settings: { search_path: 'a,public', work_mem: '4MB', 'x.y': 'a b' } },
  ],
]

describe('a connection string that libpq or another tool writes', () => {
  test.each(TAKEN)('%s', (text, expected) => {
    expect(parseConnectionString(text)).toMatchObject(expected)
  })

  test('sslmode=verify-full checks the name of the server, which verify-ca does not', () => {
    expect(
      parseConnectionString('postgres://db/x?sslmode=verify-full').tlsOptions,
    ).not.toHaveProperty('checkServerIdentity')
  })

  test('PG* variables add nothing', () => {
    const before = parseConnectionString('postgres://me@db/x')
    const names = [
      'PGHOST',
      'PGPORT',
      'PGUSER',
      'PGPASSWORD',
      'PGDATABASE',
      'PGSSLMODE',
      'PGOPTIONS',
    ]
    for (const name of names) process.env[name] = '1'
    try {
      expect(parseConnectionString('postgres://me@db/x')).toEqual(before)
    } finally {
      for (const name of names) delete process.env[name]
    }
  })
})

const secret = 'hunter2'
const REFUSED: [text: string, message: RegExp][] = [
  ['mysql://me@db/x', /must be postgres:\/\//],
  ['host=db dbname=x', /must be postgres:\/\//],
  ['postgres://db/x#y', /must be postgres:\/\//],
  [`postgres://me:${secret}@ss@db/x`, /@ in the password/],
  [`postgres://me:${secret}/s@db/x`, /port must be a number/],
  [`postgres://me:${secret}%@db/x`, /password is not percent-encoded/],
  [`postgres://me:${secret}?@db/x`, /port must be a number|name=value/],
  ['postgres://::1/x', /IPv6 address in brackets/],
  ['postgres://db:0/x', /port must be a number/],
  ['postgres://db:99999/x', /port must be a number/],
  ['postgres:///x?host=a,b,c&port=1,2', /3 hosts have 2 ports/],
  ['postgres://db/x?sslmode=sometimes', /sslmode must be one of disable, allow/],
  ['postgres://db/x?ssl=maybe', /ssl must be true or false/],
  [
    'postgres://db/x?sslmode=verify-full&sslrootcert=/nowhere/ca.pem',
    /sslrootcert cannot be read \(ENOENT\): \/nowhere\/ca.pem/,
  ],
  ['postgres://db/x?sslmode=require&sslrootcert=system', /needs sslmode=verify-full/],
  ['postgres://db/x?channel_binding=require', /channel_binding=require needs sslmode=require/],
  ['postgres://db/x?gssencmode=require', /gssencmode=require is not supported/],
  ['postgres://db/x?target_session_attrs=master', /target_session_attrs must be one of any/],
  ['postgres://db/x?connect_timeout=soon', /connect_timeout must be a whole number/],
  ['postgres://db/x?service=shop', /service is not supported/],
  ['postgres://db/x?hostaddr=1.2.3.4', /hostaddr is not supported/],
  ['postgres://db/x?sslcrl=a', /sslcrl is not supported/],
  ['postgres://db/x?replication=database', /replication is not supported/],
  ['postgres://db/x?conect_timeout=5', /conect_timeout is not a known parameter/],
  ['postgres://db/x?sslmode=disable&sslmode=require', /sslmode is given twice/],
  ['postgres://db/x?=5', /name=value/],
  ['postgres://db/x?options=-d', /options must be -c name=value/],
]

test.each(REFUSED)('%s is refused in one line without a secret', (text, message) => {
  const refusal = () => parseConnectionString(text)
  expect(refusal).toThrow(message)
  expect(refusal).not.toThrow(/hunter2|\n/)
})
