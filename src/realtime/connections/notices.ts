import { toIso } from '../../ledger/rows.ts'
import type { ErrorCode } from '../../lib/api-error.ts'
import { Frame } from '../stream/frame.ts'

/** What a connection is told about itself. None of it moves the stream. */

export function errorNotice(
  code: ErrorCode,
  message: string,
  details?: Record<string, unknown>,
): Frame {
  return new Frame('error', { code, message, ...(details && { details }) })
}

/** @param expiresAt of the token, seconds since 1970 */
export function expiringNotice(expiresAt: number): Frame {
  return new Frame('token_expiring', { expiresAt: isoTime(expiresAt) })
}

/** @param expiresAt of the fresh token, seconds since 1970 */
export function authenticatedNotice(expiresAt: number): Frame {
  return new Frame('authenticated', { expiresAt: isoTime(expiresAt) })
}

function isoTime(seconds: number): string {
  return toIso(new Date(seconds * 1000).toISOString())
}
