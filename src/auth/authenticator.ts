import { hash } from 'node:crypto'
import {
  type CryptoKey,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose'
import { ApiError } from '../lib/api-error.ts'
import type { Logger } from '../lib/log.ts'
import { LogBudget } from '../lib/log-limits.ts'
import { printable } from '../lib/printable.ts'
import { NO_TENANTS, type TenantDirectory, type TenantIdentity } from '../tenants/tenant.ts'
import { createClaimReader, tenantIn } from './claims.ts'
import { createPublishedKeys, type FetchSet, KeySourceError } from './jwks.ts'
import type {
  Authenticator,
  ClaimNames,
  Principal,
  RevocationList,
  TokenMemory,
} from './principal.ts'
import { looksLikeSession, SESSION_CLAIMS, SESSION_ISSUER } from './sessions.ts'
import { CLOCK_TOLERANCE_SECONDS, MAX_TOKEN_LENGTH, tokenRefused, tokenRevoked } from './tokens.ts'

export interface AuthenticatorOptions {
  /** The only source of keys. It also decides the accepted algorithms. */
  keys: { kind: 'secret'; secret: string } | { kind: 'jwks'; urls: readonly string[] }
  /** Any of these. With several key sets, each issuer's tokens are verified against the set at its own place. */
  issuers?: readonly string[] | undefined
  audience?: string | undefined
  /** Whose own keys verify the tokens that name them. Default: nobody's. */
  tenants?: Pick<TenantDirectory, 'settingsOf' | 'hasIdentities'> | undefined
  /** Gets the key set of a tenant, who chose its URL. Default: `fetch`. */
  fetchTenantSet?: FetchSet | undefined
  /** Verifies the tokens of people who signed in by the identity provider. Default: there are none. */
  sessionSecret?: string | undefined
  /** Default: the claims of RFC 7519, and `roles`, `role`, `tenant`. */
  claims?: ClaimNames | undefined
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

/**
 * Verifies bearer tokens against one secret (HS256) or one key set (RS256, ES256, EdDSA). A tenant can have keys of its
 * own. Then they alone verify the tokens that name it, and they verify no others. A verified token is remembered by its
 * hash until it expires, is revoked, or the keys change.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator & TokenMemory {
  const now = options.now ?? Date.now
  const { tenants = NO_TENANTS } = options
  const server = verifier(options, now)
  const sessions = options.sessionSecret === undefined ? undefined : sessionVerifier(options, now)
  const ofTenants = new WeakMap<TenantIdentity, Verifier>()
  const toPrincipal = createClaimReader(options.claims)
  const toPerson = createClaimReader(SESSION_CLAIMS)
  const known = new Map<string, Known>()
  const { cacheSize = 100_000, maxLifetimeSeconds, revocations, log } = options
  const budget = log && new LogBudget(log, 10)
  /** Keys that were reported to the log. */
  const unusable = new Set<string>()

  /** The keys for tokens that name this tenant. */
  function verifierOf(tenant: string): Verifier {
    const { identity } = tenants.settingsOf(tenant)
    if (!identity) return server
    const verify = ofTenants.get(identity) ?? tenantVerifier(options, now, { tenant, identity })
    ofTenants.set(identity, verify)
    return verify
  }

  /** By the kind of the token and the tenant that it names; the signature then proves both. */
  function verifierFor(token: string): Verifier {
    if (sessions && looksLikeSession(token)) return sessions
    return tenants.hasIdentities
      ? verifierOf(tenantIn(decodeJwt(token), options.claims?.tenant))
      : server
  }

  /** A tenant with keys of its own has no other tokens, and so no sessions either. */
  const mayVerify = (verify: Verifier, tenant: string) =>
    (verify === sessions ? server : verify) === verifierOf(tenant)

  const isCurrent = ({ principal, verify, keys }: Known) =>
    keys === verify.generation() && mayVerify(verify, principal.tenant)

  function remember(digest: string, entry: Known) {
    known.set(digest, entry)
    const [oldest] = known.keys()
    if (known.size > cacheSize && oldest !== undefined) known.delete(oldest)
  }

  /** The errors of the JOSE library are the token's fault; others are not. */
  function refuse(token: string, error: unknown): never {
    if (error instanceof ApiError) throw error
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
      if (isCurrent(kept)) {
        known.set(digest, kept)
        return kept.principal
      }
    }
    const { principal, ...verified } = await verifyToken(token).catch((error) =>
      refuse(token, error),
    )
    if (isOfTheFuture(principal, now() / 1000)) throw tokenRefused('not_yet_valid', 'iat')
    if (maxLifetimeSeconds !== undefined && livesLonger(principal, maxLifetimeSeconds)) {
      throw tokenRefused('lifetime')
    }
    if (revocations?.covers(principal)) throw tokenRevoked()
    remember(digest, { principal, ...verified })
    return principal
  }

  async function verifyToken(token: string): Promise<Known> {
    const verify = verifierFor(token)
    const keys = verify.generation()
    const payload = await verify.payload(token)
    const read = verify === sessions ? toPerson : toPrincipal
    const { isOperator, ...principal } = read(payload)
    // The same claim was read twice, so this cannot differ, unless the tenant's keys were changed meanwhile.
    if (!mayVerify(verify, principal.tenant)) throw tokenRefused('signature')
    // A tenant decides which roles its tokens name, but not who runs the platform.
    const runsPlatform = isOperator && (verify === server || verify === sessions)
    return { principal: runsPlatform ? { ...principal, isOperator } : principal, verify, keys }
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
      if (!kept || !isCurrent(kept)) return undefined
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

/** A remembered token. */
interface Known {
  principal: Principal
  verify: Verifier
  keys: number
}

function tenantVerifier(
  { claims, log, fetchTenantSet: fetchSet }: AuthenticatorOptions,
  now: () => number,
  { tenant, identity }: { tenant: string; identity: TenantIdentity },
): Verifier {
  const { issuer, audience } = identity
  const keys =
    identity.kind === 'secret'
      ? ({ kind: 'secret', secret: identity.secret } as const)
      : ({ kind: 'jwks', urls: [identity.url] } as const)
  const issuers = issuer === undefined ? undefined : [issuer]
  const source = { name: `the tenant ${printable(tenant)}`, fetchSet }
  return verifier({ keys, issuers, audience, claims, log }, now, source)
}

function sessionVerifier(
  { sessionSecret = '' }: AuthenticatorOptions,
  now: () => number,
): Verifier {
  const keys = { kind: 'secret', secret: sessionSecret } as const
  return verifier({ keys, issuers: [SESSION_ISSUER], audience: SESSION_ISSUER }, now)
}

interface Verifier {
  payload(token: string): Promise<JWTPayload>
  /** Another number means other keys, so that tokens verified before must be verified again. */
  generation(): number
}

function verifier(
  { keys, issuers, audience, claims, log }: AuthenticatorOptions,
  now: () => number,
  source: { name?: string; fetchSet?: FetchSet | undefined } = {},
): Verifier {
  const checks = (algorithms: string[], issuer = issuers): JWTVerifyOptions => ({
    algorithms,
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    requiredClaims: claims?.user === undefined ? ['sub', 'exp'] : ['exp'],
    currentDate: new Date(now()),
    ...(issuer !== undefined && { issuer: [...issuer] }),
    ...(audience !== undefined && { audience }),
  })
  if (keys.kind === 'secret') {
    const secret = importSecret(keys.secret)
    return {
      payload: async (token) => (await jwtVerify(token, await secret, checks(['HS256']))).payload,
      generation: () => 0,
    }
  }
  const sets = keys.urls.map((url, i) => ({
    // One set may have the keys of several issuers.
    issuers: keys.urls.length === 1 ? issuers : issuers?.slice(i, i + 1),
    published: createPublishedKeys({ url, now, log, ...source }),
  }))
  return {
    async payload(token) {
      const set = sets.length === 1 ? sets[0] : setOf(token)
      if (!set) throw tokenRefused('issuer')
      const options = checks(['RS256', 'ES256', 'EdDSA'], set.issuers)
      return (await jwtVerify(token, set.published.find, options)).payload
    },
    generation: () => sets.reduce((sum, { published }) => sum + published.generation(), 0),
  }

  /** By the issuer that the token names; the signature then proves it. */
  function setOf(token: string) {
    const { iss } = decodeJwt(token)
    return sets.find(({ issuers }) => issuers?.some((issuer) => issuer === iss))
  }
}

/** Imported once, because the library would import bytes again for every token. */
function importSecret(secret: string): Promise<CryptoKey> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const bytes = new TextEncoder().encode(secret)
  return crypto.subtle.importKey('raw', bytes, algorithm, false, ['verify'])
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
