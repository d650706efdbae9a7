/**
 * What an error of the database means for the call that got it. This is the only list of codes: whether a call is
 * repeated, how a request is answered and how a failed start is explained all follow from it. It imports no driver,
 * so that code that only asks about an error loads none.
 */
export interface DatabaseFailure {
  /**
   * `transient`: the transaction lost against another one. A retry may succeed at once.
   * `unavailable`: no call succeeds until something outside of this process has changed.
   */
  kind: 'transient' | 'unavailable'
  /** The call has certainly changed nothing. Otherwise its outcome is unknown. */
  notApplied: boolean
}

/** The SQLSTATEs that other code asks for by name. */
export const SQLSTATE = {
  INVALID_PARAMETER_VALUE: '22023',
  UNIQUE_VIOLATION: '23505',
  READ_ONLY: '25006',
  SERIALIZATION_FAILURE: '40001',
  UNDEFINED_DATABASE: '3D000',
  UNDEFINED_SCHEMA: '3F000',
  INSUFFICIENT_PRIVILEGE: '42501',
  UNDEFINED_OBJECT: '42704',
  UNDEFINED_FUNCTION: '42883',
  UNDEFINED_TABLE: '42P01',
  LOCK_NOT_AVAILABLE: '55P03',
  /** For its time limit, or because somebody asked for it. */
  QUERY_CANCELED: '57014',
  /** Our own: the tenant lives in another database, or moves to one. `detail` has its name. */
  TENANT_ELSEWHERE: '57L01',
} as const

type Meaning = 'transient' | 'not applied' | 'outcome unknown'

/** SQLSTATEs, names of Node's for errors of the system, and the client's own codes. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  // No connection was made.
  ECONNREFUSED: 'not applied',
  ENOTFOUND: 'not applied',
  EAI_AGAIN: 'not applied',
  EAI_FAIL: 'not applied',
  CONNECT_TIMEOUT: 'not applied',
  NO_FIT_SERVER: 'not applied',
  NO_TLS: 'not applied',
  SASL_SIGNATURE_MISMATCH: 'not applied',
  // A connection broke, or was never made: the system call tells which (see `isConnecting`).
  ECONNRESET: 'outcome unknown',
  ECONNABORTED: 'outcome unknown',
  EPIPE: 'outcome unknown',
  ETIMEDOUT: 'outcome unknown',
  EHOSTUNREACH: 'outcome unknown',
  EHOSTDOWN: 'outcome unknown',
  ENETUNREACH: 'outcome unknown',
  ENETDOWN: 'outcome unknown',
  ENETRESET: 'outcome unknown',
  CONNECTION_CLOSED: 'outcome unknown',
  CONNECTION_DESTROYED: 'outcome unknown',
  // The pool had ended before the call.
  CONNECTION_ENDED: 'not applied',

  '08001': 'not applied', // sqlclient_unable_to_establish_sqlconnection
  '08003': 'not applied', // connection_does_not_exist
  '08004': 'not applied', // sqlserver_rejected_establishment_of_sqlconnection
  '08': 'outcome unknown', // connection_exception
  '25006': 'not applied', // read_only_sql_transaction
  '28': 'not applied', // invalid_authorization_specification
  '3D000': 'not applied', // invalid_catalog_name: there is no such database
  '40001': 'transient', // serialization_failure
  '40P01': 'transient', // deadlock_detected
  '40003': 'outcome unknown', // statement_completion_unknown
  '42501': 'not applied', // insufficient_privilege: rights were revoked
  '53300': 'not applied', // too_many_connections
  '53': 'outcome unknown', // insufficient_resources
  '55P03': 'transient', // lock_not_available
  '57014': 'not applied', // query_canceled
  '57L01': 'not applied', // our own: the tenant lives in another database, or moves to one
  '57P03': 'not applied', // cannot_connect_now
  '57P': 'outcome unknown', // operator_intervention: admin_shutdown, crash_shutdown, database_dropped …
  '58030': 'outcome unknown', // io_error
}

/** The meaning of `error` for the database. Undefined: it is a bug, or no error of the database. */
export function failureOf(error: unknown): DatabaseFailure | undefined {
  if (error instanceof DatabaseUnavailable) {
    return { kind: 'unavailable', notApplied: error.notApplied }
  }
  const code = codeOf(error)
  if (code === undefined) return undefined
  if (isLostKey(error)) return { kind: 'transient', notApplied: true }
  const { severity } = error as { severity?: unknown }
  const meaning = meaningOf(code, error) ?? (isSessionEnd(severity) ? 'outcome unknown' : undefined)
  if (meaning === undefined) return undefined
  return {
    kind: meaning === 'transient' ? 'transient' : 'unavailable',
    // Postgres says ERROR after it has rolled back; FATAL and PANIC may come after a commit.
    notApplied: meaning !== 'outcome unknown' || severity === 'ERROR' || isConnecting(error),
  }
}

function meaningOf(code: string, error: unknown): Meaning | undefined {
  if (isConnecting(error)) return 'not applied'
  const ofClass = isSqlState(code) && (MEANINGS[code.slice(0, 3)] ?? MEANINGS[code.slice(0, 2)])
  return MEANINGS[code] ?? (ofClass || undefined)
}

/** Whether Postgres gave this code, and not the system or the client. */
export function isSqlState(code: string): boolean {
  return /^[0-9][0-9A-Z]{4}$/.test(code)
}

/**
 * Whether a database that is not there yet, or about to fail over, gives this error. A wrong password, an untrusted
 * certificate or a missing database does not go away by itself.
 */
export function isComing(error: unknown): boolean {
  const code = codeOf(error) ?? ''
  if (failureOf(error)?.kind !== 'unavailable' || isTlsFailure(code)) return false
  return isSqlState(code) ? /^(08|53|57P)/.test(code) : code !== 'SASL_SIGNATURE_MISMATCH'
}

/** Whether the two sides do not agree on TLS. */
export function isTlsFailure(code: string): boolean {
  return /CERT|SSL|TLS|EPROTO/.test(code)
}

/** Whether the connection of the call is gone, or about to close. */
export function endsSession(error: unknown): boolean {
  const code = codeOf(error)
  const { severity } = error as { severity?: unknown }
  if (code !== undefined && isSqlState(code)) return isSessionEnd(severity)
  return failureOf(error) !== undefined
}

function isSessionEnd(severity: unknown): boolean {
  return severity === 'FATAL' || severity === 'PANIC'
}

/**
 * Whether no connection was made, for any reason: a missing socket file, an untrusted certificate.
 * Node tries the addresses of a name in turn, and then says in one error that it reached none of them.
 */
function isConnecting(error: unknown): boolean {
  const { syscall } = error as { syscall?: unknown }
  return error instanceof AggregateError || syscall === 'connect' || syscall === 'getaddrinfo'
}

/**
 * Two calls for different wallets have no lock in common, and wrote the same idempotency key at once. On a retry the
 * second finds the answer of the first.
 */
function isLostKey(error: unknown): boolean {
  const { code, constraint_name } = error as { code?: unknown; constraint_name?: unknown }
  return code === SQLSTATE.UNIQUE_VIOLATION && constraint_name === 'idempotency_keys_pkey'
}

/** The error's own code, if it has one. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : undefined
}

/** Postgres is unavailable, or became so in the middle of a call. */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable'
  /** The call cannot have taken effect. Otherwise it may or may not have. */
  readonly notApplied: boolean

  constructor(notApplied: boolean, cause: unknown) {
    super('the database is not reachable', { cause })
    this.notApplied = notApplied
  }
}

/** `error` as `DatabaseUnavailable` if that is what it means, else undefined. */
export function asUnavailable(error: unknown): DatabaseUnavailable | undefined {
  if (error instanceof DatabaseUnavailable) return error
  const failure = failureOf(error)
  if (failure?.kind !== 'unavailable') return undefined
  return new DatabaseUnavailable(failure.notApplied, error)
}

/** Certainly rolled back, and worth a retry. */
export function isTransient(error: unknown): boolean {
  return failureOf(error)?.kind === 'transient'
}

/** Rolled back after waiting too long for a row that another transaction has locked. */
export function isLockTimeout(error: unknown): boolean {
  return codeOf(error) === SQLSTATE.LOCK_NOT_AVAILABLE
}

/** The tenant that lives in another database, or moves to one, if that is what the error says. */
export function tenantElsewhere(error: unknown): string | undefined {
  const cause = error instanceof DatabaseUnavailable ? error.cause : error
  if (codeOf(cause) !== SQLSTATE.TENANT_ELSEWHERE) return undefined
  const { detail } = cause as { detail?: unknown }
  return typeof detail === 'string' ? detail : ''
}

/**
 * Whether another session might not get this error. A session keeps the rights and settings, and the read-only state,
 * of the time when it was opened.
 */
export function isStaleSession(error: unknown): boolean {
  return STALE.includes(codeOf(error))
}

const STALE: readonly (string | undefined)[] = [
  SQLSTATE.READ_ONLY,
  SQLSTATE.INSUFFICIENT_PRIVILEGE,
  // A session resolves names by its own search path.
  SQLSTATE.UNDEFINED_TABLE,
  SQLSTATE.UNDEFINED_FUNCTION,
  SQLSTATE.UNDEFINED_SCHEMA,
]
