import { hash } from 'node:crypto'
import { type CryptoKey, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose'
import { z } from 'zod'
import { ApiError } from '../errors.ts'
import { CLOCK_TOLERANCE } from './clock.ts'
import { createPublishedKeys } from './keys.ts'
import type { Authenticator, Principal, RevocationList, TokenMemory } from './principal.ts'
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
}

/** No honest token is longer, and hashing or parsing a giant one is work for nothing. */
const MAX_TOKEN_LENGTH = 8192

/** Seconds: the last moment that every reader of ISO dates can write down. */
const YEAR_9999 = 253_402_300_799

const claims = z.object({
  sub: z.string().regex(/^[A-Za-z0-9._:@-]{1,128}$/),
  tenant: z
    .string()
    .regex(/^[A-Za-z0-9._:@-]{1,64}$/)
    .default('default'),
  exp: z.number().transform((seconds) => Math.min(seconds, YEAR_9999)),
  iat: z.number().optional(),
  jti: z.string().max(255).optional(),
  roles: z.array(z.string()).max(100).default([]),
  role: z.string().optional(),
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
  const { cacheSize = 100_000, maxLifetime, revocations } = options

  function remember(digest: string, principal: Principal, keys: number) {
    known.set(digest, { principal, keys })
    const [oldest] = known.keys()
    if (known.size > cacheSize && oldest !== undefined) known.delete(oldest)
  }

  return {
    async authenticate(token) {
      if (token.length > MAX_TOKEN_LENGTH) throw unauthorized()
      const digest = hash('sha256', token, 'base64')
      const kept = known.get(digest)
      if (kept) {
        // Taken out and put back, the entry becomes the youngest: the oldest is dropped first.
        known.delete(digest)
        if (kept.principal.expiresAt + CLOCK_TOLERANCE <= now() / 1000) throw expired()
        if (revocations?.covers(kept.principal)) throw tokenRevoked()
        if (kept.keys === verify.generation()) {
          known.set(digest, kept)
          return kept.principal
        }
      }
      const keys = verify.generation()
      const principal = toPrincipal(await verify.payload(token).catch(refuse))
      if (isOfTheFuture(principal, now() / 1000)) throw unauthorized()
      if (maxLifetime !== undefined && livesLonger(principal, maxLifetime)) throw unauthorized()
      if (revocations?.covers(principal)) throw tokenRevoked()
      remember(digest, principal, keys)
      return principal
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

function verifier({ keys, issuer, audience }: AuthenticatorOptions, now: () => number): Verifier {
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
  const published = createPublishedKeys({ url: keys.url, now })
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
  if (!parsed.success) throw unauthorized()
  const { sub, tenant, exp, iat, jti, roles, role } = parsed.data
  const held = new Set(
    [...roles, ...(role === undefined ? [] : [role])].map((r) => r.toLowerCase()),
  )
  return {
    userId: sub,
    tenant,
    isAdmin: held.has('admin'),
    isService: held.has('service'),
    expiresAt: exp,
    ...(iat !== undefined && { issuedAt: iat }),
    ...(jti !== undefined && { tokenId: jti }),
  }
}

/** What the JOSE library finds is the token's fault; anything else is an outage of the key source. */
function refuse(error: unknown): never {
  if (error instanceof errors.JWTExpired) throw expired()
  if (error instanceof errors.JOSEError) throw unauthorized()
  throw new ApiError(503, 'unavailable', 'Tokens cannot be checked right now.', {
    retryAfter: 5,
    cause: error,
  })
}

const unauthorized = () => new ApiError(401, 'unauthorized', 'The token is missing or not valid.')
const expired = () => new ApiError(401, 'token_expired', 'The token has expired.')
