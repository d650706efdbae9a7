import type { Logger } from 'pino'

/** Why Redis does not do what it should. */
export interface RedisTrouble {
  /** The first word of Redis' answer, or the code of the network's error. */
  code: string
  /** For anyone's eyes: it names no host and no user. */
  reason: string
  /** For the operator: the setting to look at. */
  check: string
  /** For the operator: the words of Redis, or of the network, without the password. */
  words: string
  /** Redis answered, and refused. */
  isRefusal: boolean
  /** The name may lead to another Redis by now: connect again. */
  mayHaveMoved: boolean
}

/** Waits for a command of Redis, and tells whoever has to know when it fails. */
export type Ask = <T>(command: Promise<T>) => Promise<T>

export const justAsk: Ask = (command) => command

const URL = 'REDIS_URL'
const HOST =
  'the host and the port in REDIS_URL, and whether Redis speaks TLS there (rediss://) or not (redis://)'
const RULES = 'the user in REDIS_URL, and its rules (ACL GETUSER, ACL LOG)'
const CLUSTER = 'REDIS_URL: it must lead to one Redis, not to a node of a cluster'
const ROOTS =
  'NODE_EXTRA_CA_CERTS: it must name the file of the authority that signed the certificate'

/** By code: the reason, and the setting to look at. */
const KNOWN: Readonly<Record<string, readonly [reason: string, check: string]>> = {
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
  LOADING: ['Redis is loading its data', 'nothing: it passes'],
  BUSY: ['Redis is busy with a script', 'which script runs there (SCRIPT KILL ends it)'],
  WRONGPASS: ['Redis refuses the user or the password', 'the user and the password in REDIS_URL'],
  NOAUTH: [
    'Redis asks for a password',
    'REDIS_URL: redis://:<password>@host, or user and password',
  ],
  NOPERM: ['Redis does not allow this user what the server needs', RULES],
  CROSSSLOT: ['Redis is a node of a cluster', CLUSTER],
  MOVED: ['Redis is a node of a cluster', CLUSTER],
  ASK: ['Redis is a node of a cluster', CLUSTER],
  CLUSTERDOWN: ['Redis is a node of a cluster that is down', CLUSTER],
  TIMEOUT: ['Redis does not answer', 'whether Redis is overloaded (SLOWLOG GET), and the network'],
  CLOSED: ['the connection was lost', HOST],
  ENOTFOUND: ['the host of Redis is not known', 'the host in REDIS_URL'],
  EAI_AGAIN: ['the host of Redis cannot be looked up', 'the host in REDIS_URL, and DNS'],
  ECONNREFUSED: ['no Redis listens there', HOST],
  ECONNRESET: ['the connection was lost', HOST],
  ETIMEDOUT: ['Redis cannot be reached', HOST],
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
  ERR_SSL_WRONG_VERSION_NUMBER: [
    'Redis does not speak TLS there',
    'REDIS_URL: redis:// without TLS',
  ],
}

/** A Redis that answers so may have been replaced: a name or a balancer may lead to its successor. */
const MAY_HAVE_MOVED = new Set(['READONLY', 'MASTERDOWN', 'NOREPLICAS'])

/** The connection ended, and nobody said why. */
export const CONNECTION_CLOSED = trouble('CLOSED', 'connection closed', false)

/** @param password is left out of the words; undefined or empty: there is none */
export function troubleOf(error: unknown, password?: string): RedisTrouble {
  const { name, message = '', code } = error as NodeJS.ErrnoException
  if (name === 'ReplyError') return trouble(firstWord(message), words(message, password), true)
  if (message === 'Command timed out') return trouble('TIMEOUT', message, false)
  // What ioredis says of a connection that is gone has no code.
  if (code === undefined) return CONNECTION_CLOSED
  // Several addresses that were tried leave an error of errors, with a code and no text.
  return trouble(String(code), words(message, password) || String(code), false)
}

function trouble(code: string, words: string, isRefusal: boolean): RedisTrouble {
  const what = isRefusal ? 'Redis refuses commands' : 'Redis cannot be reached'
  const [reason, check] = KNOWN[code] ?? [what, URL]
  const named = code === 'CLOSED' || code === 'TIMEOUT' ? reason : `${reason} (${code})`
  return { code, reason: named, check, words, isRefusal, mayHaveMoved: MAY_HAVE_MOVED.has(code) }
}

function firstWord(message: string): string {
  return /^[A-Z]{2,20}/.exec(message)?.[0] ?? 'ERR'
}

/** Longer than what Redis says of itself. */
const LONGEST = 300

function words(message: string, password: string | undefined): string {
  // Redis names the place in the script, and repeats the arguments of a command that it does not know.
  const safe = password ? message.replaceAll(password, '[redacted]') : message
  const [text = ''] = safe.slice(0, LONGEST).split(/ script: |, with args beginning with/, 1)
  return text
}

/** Milliseconds after which the same trouble is said again, where others came in between. */
const SAY_AGAIN_AFTER = 60_000

/** Says each trouble once, and again when Redis was well in between. */
export class TroubleLog {
  readonly #logger: Logger
  /** When each code was said last. */
  readonly #said = new Map<string, number>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** @param text what follows from it */
  say({ code, reason, check, words }: RedisTrouble, text: string): void {
    const now = performance.now()
    const last = this.#said.get(code)
    if (last !== undefined && now - last < SAY_AGAIN_AFTER) return
    this.#said.set(code, now)
    this.#logger.warn({ reason, redis: words, check }, text)
  }

  isWell(): void {
    this.#said.clear()
  }
}
