/** SQLSTATEs and driver codes that mean "not now", as opposed to a bug of ours. */
const OUTAGES = new Set([
  // Node's sockets
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN'],
  ...['EHOSTUNREACH', 'ENETUNREACH'],
  // the postgres driver
  ...['CONNECTION_CLOSED', 'CONNECTION_ENDED', 'CONNECTION_DESTROYED', 'CONNECT_TIMEOUT'],
  // query_canceled, admin_shutdown, crash_shutdown, cannot_connect_now, read_only_sql_transaction
  ...['57014', '57P01', '57P02', '57P03', '25006'],
])

/**
 * Whether this error passes by itself: Postgres away, restarting, failing over, or out of connections.
 * The ledger's `DatabaseUnavailable` is known by its name, so that no driver is loaded for its sake.
 */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? String(error.code) : ''
  return (
    error.name === 'DatabaseUnavailable' || OUTAGES.has(code) || /^(08|53)[0-9A-Z]{3}$/.test(code)
  )
}
