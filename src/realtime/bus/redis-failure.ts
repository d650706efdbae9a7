import type { Logger } from 'pino'

import type { RedisTarget } from '../../config/redis-address.ts'

/** Why Redis does not work as it should. */
export interface RedisFailure {
  /** The first word of Redis' answer, or the code of the network error. */
  code: string
  /** Safe to show to anyone: it names no host and no user. */
  reason: string
  /** For the operator: the setting to look at. */
  check: string
  /** For the operator: the text of Redis or of the network, without the password. */
  words: string
  /** Redis answered, and refused. */
  isRefusal: boolean
  /** The address may lead to another Redis by now, so connect again. */
  mayHaveMoved: boolean
}

const URL = 'REDIS_URL'
const HOST =
  'the host and the port in REDIS_URL, and whether Redis speaks TLS there (rediss://) or not (redis://)'
const RULES = 'the user in REDIS_URL, and its rules (ACL GETUSER, ACL LOG)'
const CLUSTER = 'REDIS_CLUSTER: set it to the nodes of the cluster, in place of REDIS_URL'
const SLOTS = 'whether every slot of the cluster has a primary (redis-cli --cluster check)'
const ROOTS =
  'REDIS_TLS_CA: it must name the file of the authority that signed the certificate of Redis'
const OWN_CERTIFICATE =
  'REDIS_TLS_CERT and REDIS_TLS_KEY: Redis may require a certificate of an authority that it trusts'

/** The reason and the setting to look at, by code. */
const REASONS: Readonly<Record<string, readonly [reason: string, check: string]>> = {
  OOM: ['Redis is out of memory and refuses writes', 'maxmemory and maxmemory-policy of Redis'],
  READONLY: ['Redis is a replica and refuses writes', 'REDIS_URL: it must lead to the primary'],
  MASTERDOWN: ['Redis is a replica without its primary', 'REDIS_URL: it must lead to the primary'],
  NOREPLICAS: [
    'Redis has too few replicas and refuses writes',
    'the replicas of Redis, and its min-replicas-to-write',
  ],
  MISCONF: [
    'Redis cannot save its data and refuses writes',
    'the log and the disk of Redis, and its stop-writes-on-bgsave-error',
  ],
  LOADING: ['Redis is loading its data', 'nothing: it ends by itself'],
  BUSY: [
    'Redis is busy with a script',
    'the script that is running in Redis (SCRIPT KILL ends it)',
  ],
  WRONGPASS: ['Redis refuses the user or the password', 'the user and the password in REDIS_URL'],
  NOAUTH: [
    'Redis requires a password',
    'REDIS_URL: redis://:<password>@host, or user and password',
  ],
  NOPERM: ['Redis does not allow this user the commands that the server needs', RULES],
  CROSSSLOT: ['Redis is a node of a cluster', CLUSTER],
  MOVED: ['Redis is a node of a cluster', CLUSTER],
  ASK: ['Redis is a node of a cluster', CLUSTER],
  CLUSTERDOWN: ['Redis is a node of a cluster that is down', CLUSTER],
  CLUSTERSLOTS: ['the cluster is down', SLOTS],
  // A script with two keys has to wait until both are on one node.
  MOVING: [
    'keys are moving between nodes of the cluster',
    'whether the move ends (redis-cli --cluster check)',
  ],
  SHARDS: [
    'the processes of this installation divide users into different numbers of shards',
    'FAN_OUT_SHARDS: it must be the same everywhere; after a change the new number holds once no process with the old one has run for a minute',
  ],
  NODATABASE: [
    'Redis has no database with this number',
    'the database number in REDIS_URL, and databases of Redis',
  ],
  NOCLUSTER: [
    'Redis is not a cluster',
    'REDIS_CLUSTER: one Redis is set by REDIS_URL=redis://host:port',
  ],
  SENTINEL_UNKNOWN: [
    'the Sentinels do not know the primary by this name',
    'REDIS_SENTINEL_MASTER, or the name in the path of REDIS_URL: the one of "sentinel monitor"',
  ],
  SENTINEL_AUTH: [
    'the Sentinels refuse the user or the password',
    'REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD, which are not those of Redis',
  ],
  SENTINEL_DOWN: [
    'no Sentinel can be reached',
    'the hosts and ports of the Sentinels in REDIS_URL, and whether they speak TLS (rediss-sentinel://)',
  ],
  TIMEOUT: ['Redis does not answer', 'whether Redis is overloaded (SLOWLOG GET), and the network'],
  CLOSED: ['the connection was lost', HOST],
  ENOTFOUND: ['the host of Redis is unknown', 'the host in REDIS_URL'],
  EAI_AGAIN: ['the host of Redis cannot be looked up', 'the host in REDIS_URL, and DNS'],
  ECONNREFUSED: ['no Redis listens there', HOST],
  ECONNRESET: ['the connection was lost', HOST],
  EPIPE: ['the connection was lost', HOST],
  ETIMEDOUT: ['Redis cannot be reached', HOST],
  ENOENT: ['the socket of Redis does not exist', 'the path in REDIS_URL'],
  EACCES: [
    'the socket of Redis cannot be opened',
    'the account of the server, and unixsocketperm of Redis',
  ],
  EHOSTUNREACH: ['Redis cannot be reached', HOST],
  ENETUNREACH: ['Redis cannot be reached', HOST],
  SELF_SIGNED_CERT_IN_CHAIN: ['the certificate of Redis is not trusted', ROOTS],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['the certificate of Redis is not trusted', ROOTS],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['the certificate of Redis is not trusted', ROOTS],
  UNABLE_TO_GET_ISSUER_CERT: ['the certificate of Redis is not trusted', ROOTS],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['the certificate of Redis is not trusted', ROOTS],
  CERT_HAS_EXPIRED: ['the certificate of Redis has expired', 'the certificate of Redis'],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'the certificate of Redis is for another host',
    'the host in REDIS_URL, and the names in the certificate',
  ],
  ALERT_CERTIFICATE_REQUIRED: ['Redis requires a certificate of the server', OWN_CERTIFICATE],
  ALERT_HANDSHAKE_FAILURE: ['Redis requires a certificate of the server', OWN_CERTIFICATE],
  ALERT_UNKNOWN_CA: ['Redis does not trust the certificate of the server', OWN_CERTIFICATE],
  ERR_SSL_WRONG_VERSION_NUMBER: [
    'Redis does not speak TLS there',
    'REDIS_URL: redis:// without TLS',
  ],
}

/** After these answers the address may lead to another Redis: a name or a balancer moves to the new primary. */
const MAY_HAVE_MOVED = new Set(['READONLY', 'MASTERDOWN', 'NOREPLICAS'])

/**
 * A connection that ended without an answer. In TLS 1.3, Redis looks at the certificate of the server only after the
 * server has begun to speak, and its objection may get lost.
 */
export const LOST: ReadonlySet<string> = new Set(['CLOSED', 'ECONNRESET', 'EPIPE'])

/** The code of a connection that ended without a reason. */
export const CLOSED = 'CLOSED'
export class ConnectionClosed extends Error {}

/** @param target its passwords are removed from the text, and its variable is named; default: none, and REDIS_URL */
export function failureOf(error: unknown, target?: RedisTarget): RedisFailure {
  const { name, message = '', code } = error as NodeJS.ErrnoException
  if (name === 'ReplyError') {
    return failure(replyCode(message, target), textOf(message, target), true, target)
  }
  if (message.startsWith('Too many Cluster redirections')) {
    return failure('MOVING', textOf(message, target), false, target)
  }
  if (message === 'Command timed out') return failure('TIMEOUT', message, false, target)
  // The errors of ioredis itself about a lost connection have no code.
  if (code === undefined) return failure(CLOSED, 'connection closed', false, target)
  // If several addresses were tried, the error is an AggregateError with a code and no text.
  return failure(String(code), textOf(message, target) || String(code), false, target)
}

function failure(
  code: string,
  words: string,
  isRefusal: boolean,
  target?: RedisTarget,
): RedisFailure {
  const unknown = isRefusal ? 'Redis refuses commands' : 'Redis cannot be reached'
  const [known, where] = REASONS[code] ?? REASONS[alertOf(code)] ?? [unknown, URL]
  const reason = code === 'CLOSED' || code === 'TIMEOUT' ? known : `${known} (${code})`
  const { setting = URL, tls } = target ?? {}
  // A text that names the variable to use instead is about the other one.
  const named = where.includes(setting) ? where : where.replaceAll(URL, setting)
  const check = tls && LOST.has(code) ? `${OWN_CERTIFICATE}; or ${named}` : named
  return { code, reason, check, words, isRefusal, mayHaveMoved: movesBy(code, target) }
}

/** What the other side of TLS objects to. OpenSSL puts the version of TLS into the code, and versions of it differ. */
function alertOf(code: string): string {
  return code.replace(/^ERR_SSL_\w+?_ALERT_/, 'ALERT_')
}

/** Sentinels may name another server after a silence. In a cluster any failure may be a change of its nodes. */
function movesBy(code: string, target: RedisTarget | undefined): boolean {
  if (target?.kind === 'cluster') return true
  return MAY_HAVE_MOVED.has(code) || (target?.kind === 'sentinel' && code === 'TIMEOUT')
}

function replyCode(message: string, target: RedisTarget | undefined): string {
  if (/cluster support disabled/i.test(message)) return 'NOCLUSTER'
  if (/DB index is out of range/i.test(message)) return 'NODATABASE'
  const code = firstWord(message)
  return code === 'CLUSTERDOWN' && target?.kind === 'cluster' ? 'CLUSTERSLOTS' : code
}

function firstWord(message: string): string {
  return /^[A-Z]{2,20}/.exec(message)?.[0] ?? 'ERR'
}

/** Longer than any message that Redis itself writes. */
const MAX_TEXT_LENGTH = 300

function textOf(message: string, target: RedisTarget | undefined): string {
  const safe = passwordsOf(target).reduce(
    (text, password) => text.replaceAll(password, '[redacted]'),
    message,
  )
  // Redis appends its place in the script, or the arguments of a command that it does not know.
  const [text = ''] = safe
    .slice(0, MAX_TEXT_LENGTH)
    .split(/ script: |, with args beginning with/, 1)
  return text
}

function passwordsOf(target: RedisTarget | undefined): string[] {
  const sentinel = target?.kind === 'sentinel' ? target.sentinelLogin.password : undefined
  return [target?.password, sentinel].filter(
    (password): password is string => password !== undefined && password !== '',
  )
}

/** The same failure is logged again after this time, if others came in between. */
const REPEAT_AFTER_MS = 60_000

/** Logs each failure once, and again after Redis has recovered. */
export class FailureLog {
  readonly #logger: Logger
  /** When each code was logged last. */
  readonly #loggedAt = new Map<string, number>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** @param consequence the log line */
  warn({ code, reason, check, words }: RedisFailure, consequence: string): void {
    const now = performance.now()
    const last = this.#loggedAt.get(code)
    if (last !== undefined && now - last < REPEAT_AFTER_MS) return
    this.#loggedAt.set(code, now)
    this.#logger.warn({ reason, redis: words, check }, consequence)
  }

  recovered(): void {
    this.#loggedAt.clear()
  }
}
