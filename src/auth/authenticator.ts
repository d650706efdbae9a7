import { hash } from 'node:crypto'
import {
  type CryptoKey,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose'
import { z } from 'zod'
import { ApiError } from '../lib/api-error.ts'
import type { Logger } from '../lib/log.ts'
import { LogBudget } from '../lib/log-limits.ts'
import { CLOCK_TOLERANCE } from './clock.ts'
import { createPublishedKeys, KeySourceError } from './jwks.ts'
import type { Authenticator, Principal, RevocationList, TokenMemory } from './principal.ts'
import { MAX_TOKEN_LENGTH, tokenRefused } from './token-refusal.ts'
import { tokenRevoked } from './token-revoked.ts'

export interface AuthenticatorOptions {
  /** The one source of keys; it alone decides which algorithms are accepted. */
  keys: { kind: 'secret'; secret: string } | { kind: 'jwks'; url: string }
  issuer?: string | undefined
  audience?: string | undefined
  /** Seconds from `iat` to `exp` that a token may have at most, which then needs both. Default: any. */
  maxLifetime?: number | undefined
  /** Default: none is ever revoked. */
  revocations?: Pick<RevocationList, 'covers'> | undefined
  /** Verified tokens kept in memory. Default 100,000, which take half a kilobyte each. */
  cacheSize?: number
  /** Milliseconds since 1970. Default: the system's clock. */
  now?: () => number
  /** Is told why tokens are refused, at most ten times a second. Default: nobody. */
  log?: Logger | undefined
}

/** Seconds: the last moment that every reader of ISO dates can write down. */
const YEAR_9999 = 253_402_300_799

/** UTF-16 units: what a revocation can name, and the index that looks for it can hold. */
export const MAX_TOKEN_ID = 512

/** A list, or its only member; providers write null for none. */
const roleList = z
  .union([z.array(z.string()), z.string().transform((role) => [role])])
  .nullish()
  .transform((roles) => roles ?? [])

const claims = z.object({
  sub: z.string().regex(/^[A-Za-z0-9._:@-]{1,128}$/),
  tenant: z
    .string()
    .regex(/^[A-Za-z0-9._:@-]{1,64}$/)
    .nullish()
    .transform((tenant) => tenant ?? 'default'),
  exp: z.number().transform((seconds) => Math.min(seconds, YEAR_9999)),
  iat: z.number().optional(),
  jti: z.string().max(MAX_TOKEN_ID).nullish(),
  roles: roleList,
  role: roleList,
})

/**
 * Verifies bearer tokens against one secret (HS256) or one key set (RS256, ES256, EdDSA). A token that
 * passed is remembered, by its hash, until it expires or is revoked, for as long as the keys that signed
 * it stand.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator & TokenMemory {
  const now = options.now ?? Date.now
  const verify = verifier(options, now)
  const known = new Map<string, { principal: Principal; keys: number }>()
  const { cacheSize = 100_000, maxLifetime, revocations, log } = options
  const budget = log && new LogBudget(log, 10)
  /** Keys that were complained of. */
  const unusable = new Set<string>()

  function remember(digest: string, principal: Principal, keys: number) {
    known.set(digest, { principal, keys })
    const [oldest] = known.keys()
    if (known.size > cacheSize && oldest !== undefined) known.delete(oldest)
  }

  /** What the JOSE library finds is the token's fault. */
  function refuse(token: string, error: unknown): never {
    if (error instanceof KeySourceError) {
      throw new ApiError(503, 'unavailable', 'Tokens cannot be checked right now.', {
        retryAfter: 5,
        cause: error,
      })
    }
    if (!(error instanceof errors.JOSEError)) {
      complain(token, error)
      throw tokenRefused('unusable_key')
    }
    throw faultOf(error)
  }

  /** A key that cannot be used is the operator's affair, and is told once. */
  function complain(token: string, error: unknown): void {
    const { kid } = decodeProtectedHeader(token)
    const { message } = error as Error
    const about = `${kid} ${message}`
    if (unusable.has(about) || unusable.size >= MOST_COMPLAINTS) return
    unusable.add(about)
    log?.warn(
      { kid, reason: message },
      'a key of the key set cannot be used: its tokens are refused',
    )
  }

  async function accepted(token: string): Promise<Principal> {
    if (token === '') throw tokenRefused('missing')
    if (token.length > MAX_TOKEN_LENGTH) throw tokenRefused('too_long')
    const digest = hash('sha256', token, 'base64')
    const kept = known.get(digest)
    if (kept) {
      // Taken out and put back, the entry becomes the youngest: the oldest is dropped first.
      known.delete(digest)
      if (kept.principal.expiresAt + CLOCK_TOLERANCE <= now() / 1000) throw tokenRefused('expired')
      if (revocations?.covers(kept.principal)) throw tokenRevoked()
      if (kept.keys === verify.generation()) {
        known.set(digest, kept)
        return kept.principal
      }
    }
    const keys = verify.generation()
    const payload = await verify.payload(token).catch((error) => refuse(token, error))
    const principal = toPrincipal(payload)
    if (isOfTheFuture(principal, now() / 1000)) throw tokenRefused('not_yet_valid', 'iat')
    if (maxLifetime !== undefined && livesLonger(principal, maxLifetime)) {
      throw tokenRefused('lifetime')
    }
    if (revocations?.covers(principal)) throw tokenRevoked()
    remember(digest, principal, keys)
    return principal
  }

  return {
    async authenticate(token) {
      try {
        return await accepted(token)
      } catch (error) {
        // An end that was to come is in the answer's code; nobody has to look into it.
        if (error instanceof ApiError && error.code === 'unauthorized' && budget?.take()) {
          log?.info(error.details, 'a token was refused')
        }
        throw error
      }
    },
    recall(token) {
      if (token.length > MAX_TOKEN_LENGTH) return undefined
      const digest = hash('sha256', token, 'base64')
      const kept = known.get(digest)
      if (!kept || kept.keys !== verify.generation()) return undefined
      if (kept.principal.expiresAt + CLOCK_TOLERANCE <= now() / 1000) return undefined
      if (revocations?.covers(kept.principal)) return undefined
      known.delete(digest)
      known.set(digest, kept)
      return kept.principal
    },
  }
}

/** No revocation of what was issued up to now would cover it. */
const isOfTheFuture = ({ issuedAt }: Principal, seconds: number) =>
  issuedAt !== undefined && issuedAt > seconds + CLOCK_TOLERANCE

const livesLonger = ({ issuedAt, expiresAt }: Principal, seconds: number) =>
  issuedAt === undefined || expiresAt - issuedAt > seconds

interface Verifier {
  payload(token: string): Promise<JWTPayload>
  /** Another number means other keys: what was verified before no longer counts. */
  generation(): number
}

function verifier(
  { keys, issuer, audience, log }: AuthenticatorOptions,
  now: () => number,
): Verifier {
  const checks = (algorithms: string[]): JWTVerifyOptions => ({
    algorithms,
    clockTolerance: CLOCK_TOLERANCE,
    requiredClaims: ['sub', 'exp'],
    currentDate: new Date(now()),
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
  })
  if (keys.kind === 'secret') {
    const secret = importSecret(keys.secret)
    return {
      payload: async (token) => (await jwtVerify(token, await secret, checks(['HS256']))).payload,
      generation: () => 0,
    }
  }
  const published = createPublishedKeys({ url: keys.url, now, log })
  return {
    payload: async (token) =>
      (await jwtVerify(token, published.find, checks(['RS256', 'ES256', 'EdDSA']))).payload,
    generation: published.generation,
  }
}

/** Imported once: given as bytes, the library would import it again for every token. */
function importSecret(secret: string): Promise<CryptoKey> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const bytes = new TextEncoder().encode(secret)
  return crypto.subtle.importKey('raw', bytes, algorithm, false, ['verify'])
}

function toPrincipal(payload: JWTPayload): Principal {
  const parsed = claims.safeParse(payload)
  if (!parsed.success) throw tokenRefused('claim', String(parsed.error.issues[0]?.path[0]))
  const { sub, tenant, exp, iat, jti, roles, role } = parsed.data
  const held = new Set([...roles, ...role].map((name) => name.toLowerCase()))
  return {
    userId: sub,
    tenant,
    isAdmin: held.has('admin'),
    isService: held.has('service'),
    expiresAt: exp,
    ...(iat !== undefined && { issuedAt: iat }),
    ...(typeof jti === 'string' && { tokenId: jti }),
  }
}

/** Of the errors that a published key set can cause, so many are told. */
const MOST_COMPLAINTS = 100

function faultOf(error: errors.JOSEError): ApiError {
  if (error instanceof errors.JWTExpired) return tokenRefused('expired')
  if (error instanceof errors.JOSEAlgNotAllowed) return tokenRefused('algorithm')
  if (error instanceof errors.JWSSignatureVerificationFailed) return tokenRefused('signature')
  if (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys
  ) {
    return tokenRefused('unknown_key')
  }
  if (!(error instanceof errors.JWTClaimValidationFailed)) return tokenRefused('malformed')
  const { claim, reason } = error
  if (claim === 'iss') return tokenRefused('issuer')
  if (claim === 'aud') return tokenRefused('audience')
  if (claim === 'nbf' && reason === 'check_failed') return tokenRefused('not_yet_valid', claim)
  return tokenRefused('claim', claim)
}
