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
import { createPublishedKeys, KeySourceError } from './jwks.ts'
import type { Authenticator, Principal, RevocationList, TokenMemory } from './principal.ts'
import { CLOCK_TOLERANCE_SECONDS, MAX_TOKEN_LENGTH, tokenRefused, tokenRevoked } from './tokens.ts'

export interface AuthenticatorOptions {
  /** The only source of keys. It also decides the accepted algorithms. */
  keys: { kind: 'secret'; secret: string } | { kind: 'jwks'; url: string }
  issuer?: string | undefined
  audience?: string | undefined
  /** The longest time from `iat` to `exp`. A token then needs both. Default: no limit. */
  maxLifetimeSeconds?: number | undefined
  /** Default: no token is ever revoked. */
  revocations?: Pick<RevocationList, 'covers'> | undefined
  /** Verified tokens that are kept in memory, half a kilobyte each. Default 100,000. */
  cacheSize?: number
  /** Milliseconds since 1970. Default: the system's clock. */
  now?: () => number
  /** Gets the reasons why tokens are rejected, at most ten a second. Default: none. */
  log?: Logger | undefined
}

/** The last second with a four-digit year, which every reader of ISO dates accepts. */
const MAX_EXPIRY_SECONDS = 253_402_300_799

/** In UTF-16 units: a revocation and its index can hold an id of this length. */
export const MAX_TOKEN_ID = 512

/** A list, or its only member. Some providers send null for an empty list. */
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
  exp: z.number().transform((seconds) => Math.min(seconds, MAX_EXPIRY_SECONDS)),
  iat: z.number().optional(),
  jti: z.string().max(MAX_TOKEN_ID).nullish(),
  roles: roleList,
  role: roleList,
})

/**
 * Verifies bearer tokens against one secret (HS256) or one key set (RS256, ES256, EdDSA). A verified token is
 * remembered by its hash until it expires, is revoked, or the key set changes.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator & TokenMemory {
  const now = options.now ?? Date.now
  const verify = verifier(options, now)
  const known = new Map<string, { principal: Principal; keys: number }>()
  const { cacheSize = 100_000, maxLifetimeSeconds, revocations, log } = options
  const budget = log && new LogBudget(log, 10)
  /** Keys that were reported to the log. */
  const unusable = new Set<string>()

  function remember(digest: string, principal: Principal, keys: number) {
    known.set(digest, { principal, keys })
    const [oldest] = known.keys()
    if (known.size > cacheSize && oldest !== undefined) known.delete(oldest)
  }

  /** The errors of the JOSE library are the token's fault; others are not. */
  function refuse(token: string, error: unknown): never {
    if (error instanceof KeySourceError) {
      throw new ApiError(503, 'unavailable', 'Tokens cannot be checked right now.', {
        retryAfter: 5,
        cause: error,
      })
    }
    if (!(error instanceof errors.JOSEError)) {
      logUnusableKey(token, error)
      throw tokenRefused('unusable_key')
    }
    throw faultOf(error)
  }

  /** The operator has to replace a key that cannot be used. It is logged once. */
  function logUnusableKey(token: string, error: unknown): void {
    const { kid } = decodeProtectedHeader(token)
    const { message } = error as Error
    const about = `${kid} ${message}`
    if (unusable.has(about) || unusable.size >= MAX_UNUSABLE_KEYS) return
    unusable.add(about)
    log?.warn(
      { kid, reason: message },
      'a key of the key set cannot be used; its tokens are rejected',
    )
  }

  async function accepted(token: string): Promise<Principal> {
    if (token === '') throw tokenRefused('missing')
    if (token.length > MAX_TOKEN_LENGTH) throw tokenRefused('too_long')
    const digest = hash('sha256', token, 'base64')
    const kept = known.get(digest)
    if (kept) {
      // Deleted and set again, the entry becomes the youngest; the oldest is dropped first.
      known.delete(digest)
      if (kept.principal.expiresAt + CLOCK_TOLERANCE_SECONDS <= now() / 1000)
        throw tokenRefused('expired')
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
    if (maxLifetimeSeconds !== undefined && livesLonger(principal, maxLifetimeSeconds)) {
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
        // Expired and revoked tokens have codes of their own. They are expected, so they are not logged.
        if (error instanceof ApiError && error.code === 'unauthorized' && budget?.take()) {
          log?.info(error.details, 'a token was rejected')
        }
        throw error
      }
    },
    recall(token) {
      if (token.length > MAX_TOKEN_LENGTH) return undefined
      const digest = hash('sha256', token, 'base64')
      const kept = known.get(digest)
      if (!kept || kept.keys !== verify.generation()) return undefined
      if (kept.principal.expiresAt + CLOCK_TOLERANCE_SECONDS <= now() / 1000) return undefined
      if (revocations?.covers(kept.principal)) return undefined
      known.delete(digest)
      known.set(digest, kept)
      return kept.principal
    },
  }
}

/** A revocation of all tokens issued up to now would not cover such a token. */
const isOfTheFuture = ({ issuedAt }: Principal, seconds: number) =>
  issuedAt !== undefined && issuedAt > seconds + CLOCK_TOLERANCE_SECONDS

const livesLonger = ({ issuedAt, expiresAt }: Principal, seconds: number) =>
  issuedAt === undefined || expiresAt - issuedAt > seconds

interface Verifier {
  payload(token: string): Promise<JWTPayload>
  /** Another number means other keys, so that tokens verified before must be verified again. */
  generation(): number
}

function verifier(
  { keys, issuer, audience, log }: AuthenticatorOptions,
  now: () => number,
): Verifier {
  const checks = (algorithms: string[]): JWTVerifyOptions => ({
    algorithms,
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
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

/** Imported once, because the library would import bytes again for every token. */
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

/** The most unusable keys that are logged. */
const MAX_UNUSABLE_KEYS = 100

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
