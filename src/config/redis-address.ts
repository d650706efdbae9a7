import type { ConnectionOptions } from 'node:tls'
import {
  ConnectionStringError,
  decoded,
  file,
  hostAndPort,
  Parameters,
  portOf,
} from './url-parts.ts'

/** A server over TCP. */
export interface RedisHost {
  host: string
  port: number
}

export interface RedisLogin {
  username?: string | undefined
  password?: string | undefined
}

interface Common extends RedisLogin {
  /** The variable that has the address, for messages to the operator. */
  setting: 'REDIS_URL' | 'REDIS_SENTINELS' | 'REDIS_CLUSTER'
  database: number
  /** Undefined: without TLS. */
  tls: ConnectionOptions | undefined
}

/** Where Redis is, with every default in it. */
export type RedisTarget = Common &
  (
    | { kind: 'single'; server: RedisHost | { path: string } }
    | {
        kind: 'sentinel'
        sentinels: readonly RedisHost[]
        masterName: string
        sentinelLogin: RedisLogin
        /** Undefined: the Sentinels do not speak TLS. */
        sentinelTls: ConnectionOptions | undefined
        natMap: NatMap
      }
    | { kind: 'cluster'; nodes: readonly RedisHost[]; natMap: NatMap }
  )

/** Which address to use for one that Sentinel or the cluster names, by `host:port`. */
export type NatMap = Readonly<Record<string, RedisHost>>

/** What other variables say. An address that says the same thing wins. */
export interface RedisVariables extends RedisLogin {
  sentinelMaster?: string | undefined
  sentinelUsername?: string | undefined
  sentinelPassword?: string | undefined
  tlsCa?: string | undefined
  tlsCert?: string | undefined
  tlsKey?: string | undefined
  tlsServername?: string | undefined
  natMap?: string | undefined
}

const PORT = 6379
const SENTINEL_PORT = 26_379

/** What each scheme leads to. */
const SCHEMES: Readonly<Record<string, { kind: RedisTarget['kind'] | 'socket'; tls: boolean }>> = {
  redis: { kind: 'single', tls: false },
  rediss: { kind: 'single', tls: true },
  'redis+tls': { kind: 'single', tls: true },
  'redis+ssl': { kind: 'single', tls: true },
  valkey: { kind: 'single', tls: false },
  valkeys: { kind: 'single', tls: true },
  unix: { kind: 'socket', tls: false },
  'redis+unix': { kind: 'socket', tls: false },
  'redis+socket': { kind: 'socket', tls: false },
  'redis-socket': { kind: 'socket', tls: false },
  'valkey+unix': { kind: 'socket', tls: false },
  'redis-sentinel': { kind: 'sentinel', tls: false },
  'redis+sentinel': { kind: 'sentinel', tls: false },
  'rediss-sentinel': { kind: 'sentinel', tls: true },
  'rediss+sentinel': { kind: 'sentinel', tls: true },
  'redis-cluster': { kind: 'cluster', tls: false },
  'redis+cluster': { kind: 'cluster', tls: false },
  'rediss-cluster': { kind: 'cluster', tls: true },
  'rediss+cluster': { kind: 'cluster', tls: true },
}

/** Of other clients: timeouts, pools and names, which the server chooses itself. */
const IGNORED = new Set([
  'clientName',
  'client_name',
  'conn_max_idle_time',
  'conn_max_lifetime',
  'connectTimeout',
  'decode_responses',
  'dial_timeout',
  'encoding',
  'family',
  'health_check_interval',
  'idle_timeout',
  'keepAlive',
  'libraryName',
  'libraryVersion',
  'max_connections',
  'max_retries',
  'max_retry_backoff',
  'min_idle_conns',
  'min_retry_backoff',
  'pool_size',
  'pool_timeout',
  'protocol',
  'read_timeout',
  'retry_on_timeout',
  'socket_connect_timeout',
  'socket_keepalive',
  'socket_timeout',
  'timeout',
  'write_timeout',
])

const UNSUPPORTED: Readonly<Record<string, string>> = {
  addr: 'write redis-cluster://host1,host2',
  keyPrefix: 'the names of keys are documented; use a database number or a Redis of its own',
  key_prefix: 'the names of keys are documented; use a database number or a Redis of its own',
  readOnly: 'the server reads from primaries',
  role: 'the server needs the primary',
}

/**
 * Reads the address of Redis as its clients write it, and what other variables add to it.
 *
 * @param setting the variable that has the address; a bare list of hosts is taken in that of Sentinels or of a cluster
 * @throws ConnectionStringError where a part is malformed, unknown or not supported
 */
export function parseRedisAddress(
  text: string,
  setting: RedisTarget['setting'] = 'REDIS_URL',
  variables: RedisVariables = {},
): RedisTarget {
  const hasScheme = /^[a-z+-]+:\/\//i.test(text)
  const wanted = {
    REDIS_URL: 'redis',
    REDIS_SENTINELS: 'redis-sentinel',
    REDIS_CLUSTER: 'redis-cluster',
  }[setting]
  const complete = hasScheme || setting === 'REDIS_URL' ? text : `${wanted}://${text}`
  const parts =
    /^([a-z+-]+):\/\/(?:([^@/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?(?:#(.*))?$/i.exec(
      complete,
    )
  const scheme = SCHEMES[parts?.[1]?.toLowerCase() ?? '']
  if (!parts || !scheme) {
    throw new ConnectionStringError(
      'must be redis://user:password@host:port/database, or begin with rediss://, unix://, redis-sentinel:// or redis-cluster://; encode special characters, such as %40 for @',
    )
  }
  if (setting !== 'REDIS_URL' && scheme.kind !== SCHEMES[wanted]?.kind) {
    throw new ConnectionStringError(`must begin with ${wanted}:// or with a host`)
  }
  const [, , login = '', authority = '', path = '', query = '', fragment = ''] = parts
  if (authority.includes('@')) throw new ConnectionStringError('a @ in the password must be %40')
  if (fragment !== '' && scheme.kind !== 'sentinel') {
    throw new ConnectionStringError('a # in the password must be %23')
  }
  const parameters = new Parameters(query, IGNORED, UNSUPPORTED)
  // A bare list has no scheme that says whether to speak TLS: the files say it.
  const usesTls =
    parameters.flag('tls') ??
    parameters.flag('ssl') ??
    (scheme.tls || (!hasScheme && (variables.tlsCa ?? variables.tlsCert) !== undefined))
  const tls = tlsOf(parameters, variables, usesTls && scheme.kind !== 'socket')
  const named = parameters.take('db') ?? parameters.take('database')
  const common = { setting, tls, ...loginOf(login, parameters, variables) }
  const target = ((): RedisTarget => {
    if (scheme.kind === 'socket') {
      const server = { path: decoded('path', path === '' ? authority : `${authority}/${path}`) }
      if (server.path === '')
        throw new ConnectionStringError('names no socket: unix:///run/redis.sock')
      return { kind: 'single', ...common, database: databaseOf(named ?? ''), server }
    }
    const hosts = hostsOf(authority, scheme.kind === 'sentinel' ? SENTINEL_PORT : PORT)
    if (scheme.kind === 'single') {
      const [server = { host: 'localhost', port: PORT }, ...others] = hosts
      if (others.length > 0) {
        throw new ConnectionStringError(
          'names several servers: begin with redis-sentinel:// or redis-cluster://',
        )
      }
      return { kind: 'single', ...common, database: databaseOf(named ?? path), server }
    }
    if (hosts.length === 0) throw new ConnectionStringError('names no host')
    const natMap = natMapOf(parameters.take('natMap') ?? variables.natMap)
    if (scheme.kind === 'cluster') {
      const database = databaseOf(named ?? path)
      if (database !== 0) throw new ConnectionStringError('a cluster has only the database 0')
      return { kind: 'cluster', ...common, database, nodes: hosts, natMap }
    }
    const { masterName, database } = masterOf(path, fragment, named, parameters, variables)
    return {
      kind: 'sentinel',
      ...common,
      database,
      sentinels: hosts,
      masterName,
      sentinelLogin: {
        username:
          either(parameters, 'sentinelUsername', 'sentinel_username') ?? variables.sentinelUsername,
        password:
          either(parameters, 'sentinelPassword', 'sentinel_password') ?? variables.sentinelPassword,
      },
      sentinelTls: (parameters.flag('sentinelTls') ?? true) ? tls : undefined,
      natMap,
    }
  })()
  parameters.expectNoOther()
  return target
}

/** Names the servers of a target for a person, without a user or a password. */
export function describeRedis(target: RedisTarget): string {
  const list = (hosts: readonly RedisHost[]) => hosts.map(hostText).join(',')
  if (target.kind === 'sentinel')
    return `${target.masterName} of Sentinel ${list(target.sentinels)}`
  if (target.kind === 'cluster') return `cluster ${list(target.nodes)}`
  return 'path' in target.server ? target.server.path : hostText(target.server)
}

function hostText({ host, port }: RedisHost): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function either(parameters: Parameters, ...names: string[]): string | undefined {
  // Every name is taken, so that none of them counts as unknown.
  return names.map((name) => parameters.take(name)).find((value) => value !== undefined)
}

function loginOf(text: string, parameters: Parameters, variables: RedisVariables): RedisLogin {
  const [user = '', ...rest] = text.split(':')
  const inUrl = {
    username: decoded('user', user) || undefined,
    password: rest.length > 0 ? decoded('password', rest.join(':')) : undefined,
  }
  const username = either(parameters, 'username', 'user') ?? inUrl.username ?? variables.username
  const password = either(parameters, 'password') ?? inUrl.password ?? variables.password
  if (username !== undefined && !password) {
    throw new ConnectionStringError(
      'names a user without a password; a password alone is written :password@host',
    )
  }
  return { username, password: password || undefined }
}

function hostsOf(authority: string, standard: number): RedisHost[] {
  if (authority === '') return []
  return authority.split(',').map((text) => {
    const { host, port } = hostAndPort(text.trim())
    return { host: host || 'localhost', port: portOf(port, standard) }
  })
}

function databaseOf(text: string): number {
  const number = text.replace(/\/$/, '')
  if (number === '') return 0
  if (!/^\d{1,5}$/.test(number)) {
    throw new ConnectionStringError(
      'the database must be a number; the file of a socket is written unix:///run/redis.sock',
    )
  }
  return Number(number)
}

/** `/name/database`, or as Lettuce writes it: `/database?sentinelMasterId=name` or `/database#name`. */
function masterOf(
  path: string,
  fragment: string,
  named: string | undefined,
  parameters: Parameters,
  variables: RedisVariables,
): { masterName: string; database: number } {
  const other =
    either(parameters, 'sentinelMasterId', 'master', 'master_name', 'name') ??
    (decoded('name of the primary', fragment) || undefined)
  const [first = '', second, ...more] = path.split('/')
  if (more.length > 0)
    throw new ConnectionStringError('the path must be /<name of the primary>/<database>')
  const isName = second !== undefined || !/^\d*$/.test(first)
  const masterName =
    (isName ? decoded('name of the primary', first) : undefined) ??
    other ??
    variables.sentinelMaster
  if (!masterName) {
    throw new ConnectionStringError(
      'does not name the primary: add /<name>, the one of "sentinel monitor", or set REDIS_SENTINEL_MASTER',
    )
  }
  return { masterName, database: databaseOf(named ?? (isName ? (second ?? '') : first)) }
}

const TLS_VARIABLES = {
  REDIS_TLS_CA: 'tlsCa',
  REDIS_TLS_CERT: 'tlsCert',
  REDIS_TLS_KEY: 'tlsKey',
  REDIS_TLS_SERVERNAME: 'tlsServername',
} as const

function tlsOf(
  parameters: Parameters,
  variables: RedisVariables,
  usesTls: boolean,
): ConnectionOptions | undefined {
  const ca = either(parameters, 'cacert', 'ssl_ca_certs') ?? variables.tlsCa
  const cert = either(parameters, 'cert', 'ssl_certfile') ?? variables.tlsCert
  const key = either(parameters, 'key', 'ssl_keyfile') ?? variables.tlsKey
  const passphrase = either(parameters, 'keyPassword', 'ssl_password')
  const servername = either(parameters, 'sni', 'servername') ?? variables.tlsServername
  const verifies = verificationOf(parameters)
  if (!usesTls) {
    const name = Object.entries(TLS_VARIABLES).find(
      ([, field]) => variables[field] !== undefined,
    )?.[0]
    if (name ?? ca ?? cert ?? key) {
      throw new ConnectionStringError(
        `has ${name ?? 'files for TLS'}, but no TLS: begin with rediss://, rediss-sentinel:// or rediss-cluster://`,
      )
    }
    return undefined
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw new ConnectionStringError(
      'a client certificate needs both files: REDIS_TLS_CERT (cert) and REDIS_TLS_KEY (key)',
    )
  }
  return {
    ...(ca !== undefined && { ca: file('REDIS_TLS_CA (cacert)', ca) }),
    ...(cert !== undefined && { cert: file('REDIS_TLS_CERT (cert)', cert) }),
    ...(key !== undefined && { key: file('REDIS_TLS_KEY (key)', key) }),
    ...(passphrase !== undefined && { passphrase }),
    ...(servername !== undefined && { servername }),
    ...(verifies === 'nothing' && { rejectUnauthorized: false }),
    ...(verifies === 'authority' && { checkServerIdentity: () => undefined }),
  }
}

/** How other clients say that a certificate need not be right. */
function verificationOf(parameters: Parameters): 'all' | 'authority' | 'nothing' {
  const requirement = parameters.oneOf('ssl_cert_reqs', ['none', 'optional', 'required'])
  const peer = parameters.oneOf('verifyPeer', ['NONE', 'CA', 'FULL'])
  const checksName = parameters.flag('ssl_check_hostname') ?? true
  if (parameters.flag('skip_verify') || requirement === 'none' || peer === 'NONE') return 'nothing'
  return peer === 'CA' || !checksName ? 'authority' : 'all'
}

/** `10.0.0.5:6379=redis1.example.com:6379,…` */
function natMapOf(text: string | undefined): NatMap {
  const pairs = (text ?? '').split(',').filter((pair) => pair !== '')
  return Object.fromEntries(
    pairs.map((pair) => {
      const [inside, outside, ...more] = pair
        .split('=')
        .map((part) => hostsOf(part.trim(), PORT)[0])
      if (!inside || !outside || more.length > 0) {
        throw new ConnectionStringError(
          'REDIS_NAT_MAP (natMap) must be pairs such as 10.0.0.5:6379=redis1.example.com:6379',
        )
      }
      return [`${inside.host}:${inside.port}`, outside]
    }),
  )
}
