import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import { ApiError, type ErrorCode } from '../lib/api-error.ts'
import type { ClaimNames } from './principal.ts'

/** Two machines' clocks may differ by this much. It applies to every time in a token. */
export const CLOCK_TOLERANCE_SECONDS = 30

/** In characters. A longer token would not fit into the headers of a request beside those of a browser. */
export const MAX_TOKEN_LENGTH = 12 * 1024

/**
 * Every `details.reason` of a 401, with its text for `WWW-Authenticate` and the log. Only the bearer of a
 * token that was signed for this server learns more than that the signature is wrong.
 */
export const TOKEN_REASONS = {
  missing: 'No token was sent.',
  too_long: `The token is longer than ${MAX_TOKEN_LENGTH} characters.`,
  malformed: 'The token is not a signed JWT.',
  algorithm: 'The token is signed with an algorithm that is not accepted here.',
  unknown_key: 'The key that signed the token is not in the published key set.',
  key: 'The API key is not known, or does not work any more.',
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
 * The 401 on every transport.
 * @param claim the name of the claim that `reason` is about
 * @param message instead of the usual one
 */
export function tokenRefused(reason: TokenReason, claim?: string, message?: string): ApiError {
  const [code, usual] = ANSWERS[reason] ?? ['unauthorized', 'The token is missing or not valid.']
  return new ApiError(401, code, message ?? usual, {
    details: { reason, ...(claim !== undefined && { claim }) },
    headers: { 'WWW-Authenticate': challenge(reason, claim) },
  })
}

/** The 401 for a revoked token. */
export const tokenRevoked = () => tokenRefused('revoked')

/** The 403 for an operator who acts as an admin, where a user is asked for. */
export const actingHasNoWallet = () =>
  new ApiError(403, 'forbidden', 'An operator who acts as an admin has no wallet in the tenant.')

/** RFC 6750, section 3: without a token there is no error attribute. */
function challenge(reason: TokenReason, claim: string | undefined): string {
  if (reason === 'missing') return 'Bearer'
  const about = claim === undefined ? '' : ` (${claim})`
  return `Bearer error="invalid_token", error_description="${TOKEN_REASONS[reason]}${about}"`
}

/** The claims of a token to be signed. */
export interface TokenClaims {
  sub: string
  roles?: readonly string[]
  tenant?: string
  /** Seconds from now. */
  expiresIn: number
  /** The first is the one of the token. */
  issuers?: readonly string[] | undefined
  audience?: string | undefined
  /** `jti`, by which the token can be revoked. Default: a random one. */
  id?: string
  /** The claims that the server reads. Default: its own defaults. */
  names?: ClaimNames | undefined
}

/** Signs an HS256 token for demos, tests and the command line. Real tokens come from an identity provider. */
export async function mintToken(secret: string, claims: TokenClaims): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const {
    user,
    roles: [rolesClaim = 'roles'] = [],
    tenant = 'tenant',
    roleMap,
  } = claims.names ?? {}
  const theirName = (role: string) =>
    [...(roleMap ?? [])].find(([, ours]) => ours === role)?.[0] ?? role
  const payload: Record<string, unknown> = {}
  if (user !== undefined) payload[user] = claims.sub
  // The reader looks for a claim of the whole name before it takes the name for a path.
  if (claims.roles) payload[rolesClaim] = claims.roles.map(theirName)
  if (claims.tenant !== undefined) payload[tenant] = claims.tenant
  const jwt = new SignJWT(payload)
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(claims.sub)
    .setIssuedAt(now)
    .setExpirationTime(now + claims.expiresIn)
    .setJti(claims.id ?? randomUUID())
  const [issuer] = claims.issuers ?? []
  if (issuer !== undefined) jwt.setIssuer(issuer)
  if (claims.audience !== undefined) jwt.setAudience(claims.audience)
  return jwt.sign(new TextEncoder().encode(secret))
}
