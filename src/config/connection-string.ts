import { userInfo } from 'node:os'
import { posix } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import {
  ConnectionStringError,
  decoded,
  file,
  hostAndPort,
  Parameters,
  portOf,
} from './url-parts.ts'

/** One server of a connection string: over TCP, or through a socket file. */
export type PostgresHost = { host: string; port: number } | { path: string }

/** Which of several servers serves, by the names of libpq. */
export const SESSION_ATTRIBUTES = [
  'any',
  'read-write',
  'read-only',
  'primary',
  'standby',
  'prefer-standby',
] as const
export type SessionAttributes = (typeof SESSION_ATTRIBUTES)[number]

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
type SslMode = (typeof SSL_MODES)[number]

/** What a connection string says, with every default in it. */
export interface PostgresTarget {
  /** In the order in which they are tried. */
  hosts: readonly [PostgresHost, ...PostgresHost[]]
  user: string
  password: string
  database: string
  /** `prefer` uses TLS where the server speaks it; `require` ends the attempt where it does not. */
  tls: 'disable' | 'prefer' | 'require'
  /** How TLS is spoken. */
  tlsOptions: ConnectionOptions
  /** TLS from the first byte, without asking the server first. */
  tlsDirect: boolean
  sessionAttributes: SessionAttributes
  /** Seconds for one attempt to connect. */
  connectTimeoutSeconds: number
  /** Milliseconds of silence before the system probes a connection; 0: it does not. */
  keepAliveMs: number
  /** Behind a pooler that shares sessions: no setting of a session, no prepared statement. */
  pooled: boolean
  /** Settings that a session begins with, by name. */
  settings: Record<string, string>
}

/** Milliseconds of silence before a keepalive probe, as the client's own default. */
const KEEPALIVE_MS = 60_000
const CONNECT_TIMEOUT_SECONDS = 5
const DEFAULT_PORT = 5432

/** Of libpq, its wrappers and other tools: without any effect on what the server does. */
const IGNORED = new Set([
  'client_encoding',
  'connection_limit',
  'fallback_application_name',
  'gsslib',
  'keepalives_count',
  'keepalives_interval',
  'krbsrvname',
  'load_balance_hosts',
  'max_protocol_version',
  'min_protocol_version',
  'pool_timeout',
  'socket_timeout',
  'sslaccept',
  'sslcompression',
  'statement_cache_size',
  'supa',
  'tcp_user_timeout',
  'uselibpqcompat',
])

/** Meaningful, and not to be had here: leaving them out would do something else than the operator asked for. */
const UNSUPPORTED: Record<string, string> = {
  gssdelegation: 'Kerberos is not supported',
  hostaddr: 'write the address as the host',
  passfile: 'write the password into the URL',
  replication: 'the server needs an ordinary connection',
  require_auth: 'remove it',
  requirepeer: 'remove it',
  requiressl: 'use sslmode=require',
  service: 'write the connection itself',
  sslcrl: 'revocation lists are not supported',
  sslcrldir: 'revocation lists are not supported',
}

/**
 * Reads a connection string as libpq does, and what other tools add to it.
 * `PG*` variables are not read: a server must not connect elsewhere because a shell has them set.
 *
 * @throws ConnectionStringError where a part is malformed, unknown or not supported
 */
export function parseConnectionString(text: string): PostgresTarget {
  const parts =
    /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i.exec(text)
  if (!parts) {
    throw new ConnectionStringError(
      'must be postgres://user:password@host:port/database; encode special characters, such as %40 for @',
    )
  }
  const [, login = '', authority = '', path = '', query = ''] = parts
  const parameters = new Parameters(query, IGNORED, UNSUPPORTED)
  const [user, ...password] = login.split(':')
  const name = parameters.take('user') ?? decoded('user', user ?? '')
  const tls = tlsOf(parameters)
  const target: PostgresTarget = {
    hosts: hostsOf(authority, parameters),
    user: name || account(),
    password: parameters.take('password') ?? decoded('password', password.join(':')),
    database: parameters.take('dbname') ?? (decoded('database', path) || name || account()),
    ...tls,
    sessionAttributes: parameters.oneOf('target_session_attrs', SESSION_ATTRIBUTES) ?? 'any',
    connectTimeoutSeconds: parameters.number('connect_timeout') || CONNECT_TIMEOUT_SECONDS,
    keepAliveMs:
      parameters.number('keepalives') === 0
        ? 0
        : (parameters.number('keepalives_idle') || KEEPALIVE_MS / 1_000) * 1_000,
    pooled: parameters.flag('pgbouncer') ?? false,
    settings: settingsOf(parameters),
  }
  if (parameters.oneOf('gssencmode', ['disable', 'prefer', 'require']) === 'require') {
    throw new ConnectionStringError('gssencmode=require is not supported: use sslmode=require')
  }
  parameters.expectNoOther()
  // A socket file carries no TLS: libpq does not speak it there either.
  if (target.hosts.every((host) => 'path' in host)) return { ...target, tls: 'disable' }
  return target
}

function hostsOf(authority: string, parameters: Parameters): PostgresTarget['hosts'] {
  if (authority.includes('@')) throw new ConnectionStringError('a @ in the password must be %40')
  const named = authority === '' ? undefined : authority.split(',').map(hostAndPort)
  const hosts = parameters.take('host')?.split(',') ?? named?.map(({ host }) => host) ?? ['']
  const ports = parameters.take('port')?.split(',') ??
    named?.map(({ port }) => port) ?? [String(DEFAULT_PORT)]
  if (ports.length !== 1 && ports.length !== hosts.length) {
    throw new ConnectionStringError(`${hosts.length} hosts have ${ports.length} ports`)
  }
  const [first, ...others] = hosts.map((host, i): PostgresHost => {
    const port = portOf(ports[i] ?? ports[0] ?? '', DEFAULT_PORT)
    if (host.startsWith('/')) return { path: posix.join(host, `.s.PGSQL.${port}`) }
    return { host: host || 'localhost', port }
  })
  if (!first) throw new ConnectionStringError('it names no host')
  return [first, ...others]
}

function tlsOf(parameters: Parameters): Pick<PostgresTarget, 'tls' | 'tlsOptions' | 'tlsDirect'> {
  const rootCert = parameters.take('sslrootcert')
  const system = rootCert === 'system'
  const mode: SslMode =
    parameters.oneOf('sslmode', SSL_MODES) ??
    (system ? 'verify-full' : sslFlag(parameters.take('ssl'))) ??
    'disable'
  parameters.take('ssl')
  if (system && mode !== 'verify-full') {
    throw new ConnectionStringError(`sslrootcert=system needs sslmode=verify-full, not ${mode}`)
  }
  const binding = parameters.oneOf('channel_binding', ['disable', 'prefer', 'require'])
  if (binding === 'require' && ['disable', 'allow', 'prefer'].includes(mode)) {
    throw new ConnectionStringError('channel_binding=require needs sslmode=require or stricter')
  }
  const certificate = parameters.take('sslcert')
  const key = parameters.take('sslkey')
  const passphrase = parameters.take('sslpassword')
  const serverName = parameters.flag('sslsni') ?? true
  // The client cannot bind the login to the channel. A proven certificate keeps the same attacker out.
  const proven = mode.startsWith('verify-') || rootCert !== undefined || binding === 'require'
  return {
    tls:
      mode === 'disable' ? 'disable' : mode === 'allow' || mode === 'prefer' ? 'prefer' : 'require',
    tlsDirect: parameters.oneOf('sslnegotiation', ['postgres', 'direct']) === 'direct',
    tlsOptions: {
      rejectUnauthorized: proven,
      ...(rootCert !== undefined && !system && { ca: file('sslrootcert', rootCert) }),
      ...(certificate !== undefined && { cert: file('sslcert', certificate) }),
      ...(key !== undefined && { key: file('sslkey', key) }),
      ...(passphrase !== undefined && { passphrase }),
      ...(!serverName && { servername: '' }),
      // `verify-ca` asks who signed the certificate, not whose it is. So does `require` with a CA in libpq.
      ...(proven &&
        mode !== 'verify-full' &&
        binding !== 'require' && { checkServerIdentity: () => undefined }),
    },
  }
}

/** The short form of other clients. */
function sslFlag(value: string | undefined): SslMode | undefined {
  if (value === undefined) return undefined
  if (value === 'true' || value === '1' || value === 'require') return 'require'
  if (value === 'false' || value === '0' || value === 'disable') return 'disable'
  if ((SSL_MODES as readonly string[]).includes(value)) return value as SslMode
  throw new ConnectionStringError('ssl must be true or false')
}

/** Who runs this process: the name by which a socket file lets in. */
function account(): string {
  try {
    return userInfo().username
  } catch {
    // An account without a name, as containers have it.
    return 'postgres'
  }
}

function settingsOf(parameters: Parameters): Record<string, string> {
  const settings: Record<string, string> = {}
  const applicationName = parameters.take('application_name')
  if (applicationName) settings.application_name = applicationName
  const schema = parameters.take('schema')
  const searchPath = parameters.take('search_path') ?? (schema && quotedName(schema))
  if (searchPath) settings.search_path = searchPath
  Object.assign(settings, optionsOf(parameters.take('options') ?? ''))
  const names = settings.search_path?.split(',').map((name) => name.trim().replaceAll('"', ''))
  if (names && !names.includes('public')) {
    throw new ConnectionStringError(
      `search_path is ${settings.search_path}, and the ledger is in the schema public`,
    )
  }
  return settings
}

const quotedName = (name: string) => `"${name.replaceAll('"', '""')}"`

/** `-c name=value` and `--name=value`, as Postgres takes them. A backslash keeps the next character. */
function optionsOf(text: string): Record<string, string> {
  const words = [...text.matchAll(/(?:\\.|[^\s\\])+/g)].map(([word]) =>
    word.replace(/\\(.)/g, '$1'),
  )
  const settings: Record<string, string> = {}
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? ''
    const setting = word === '-c' ? (words[++i] ?? '') : word.replace(/^(-c|--)/, '')
    const [, name, value] = /^([\w.-]+)=(.*)$/s.exec(setting) ?? []
    if (word === setting || name === undefined || value === undefined) {
      throw new ConnectionStringError('options must be -c name=value')
    }
    settings[name.replaceAll('-', '_')] = value
  }
  return settings
}
