import { ApiError, type ErrorCode } from '../lib/api-error.ts'

/** Characters. A longer token does not fit the header of a request together with what browsers send along. */
export const MAX_TOKEN_LENGTH = 12 * 1024

/**
 * Every `details.reason` of a 401, with what `WWW-Authenticate` and the log say of it. Whoever is told more than
 * that the signature is wrong has a token that was signed for this server.
 */
export const TOKEN_REASONS = {
  missing: 'No token was sent.',
  too_long: `The token is longer than ${MAX_TOKEN_LENGTH} characters.`,
  malformed: 'The token is not a signed JWT.',
  algorithm: 'The token is signed with an algorithm that is not accepted here.',
  unknown_key: 'The key that signed the token is not in the published key set.',
  unusable_key: 'The published key that signed the token cannot be used.',
  signature: 'The signature of the token does not match.',
  issuer: 'The iss claim is not the configured issuer.',
  audience: 'The aud claim does not name the configured audience.',
  not_yet_valid: 'The token is not valid yet: its nbf or iat lies in the future.',
  lifetime: 'The token lives longer than is accepted here, or has no iat claim.',
  claim: 'A claim of the token is missing, or its value is not accepted.',
  expired: 'The token has expired.',
  revoked: 'The token was revoked.',
  ticket: 'The ticket was used before, or is older than 30 s.',
} as const

export type TokenReason = keyof typeof TOKEN_REASONS

const ANSWERS: Partial<Record<TokenReason, readonly [code: ErrorCode, message: string]>> = {
  expired: ['token_expired', 'The token has expired.'],
  revoked: ['token_revoked', 'The token was revoked; sign in again.'],
}

/**
 * The 401 of every way in.
 * @param claim the name of the claim that `reason` speaks of
 * @param message in place of the usual one
 */
export function tokenRefused(reason: TokenReason, claim?: string, message?: string): ApiError {
  const [code, usual] = ANSWERS[reason] ?? ['unauthorized', 'The token is missing or not valid.']
  return new ApiError(401, code, message ?? usual, {
    details: { reason, ...(claim !== undefined && { claim }) },
    headers: { 'WWW-Authenticate': challenge(reason, claim) },
  })
}

/** RFC 6750, section 3: without a token there is no error to speak of. */
function challenge(reason: TokenReason, claim: string | undefined): string {
  if (reason === 'missing') return 'Bearer'
  const about = claim === undefined ? '' : ` (${claim})`
  return `Bearer error="invalid_token", error_description="${TOKEN_REASONS[reason]}${about}"`
}
