import { availableParallelism } from 'node:os'
import type { z } from 'zod'
import { LOCAL_PAGES } from '../lib/origins.ts'
import { isVapidPair, type VapidKeys } from '../lib/vapid.ts'
import { parseRedisAddress, type RedisTarget } from './redis-address.ts'
import type { TenantDatabase } from './tenant-databases.ts'
import { ConnectionStringError } from './url-parts.ts'
import { VARIABLES, type Variables } from './variables.ts'

/** The keys that sign tokens. `generated`: an embedded server's own secret, kept in its data folder. */
export type TokenKeys =
  | { kind: 'secret'; secret: string }
  | { kind: 'jwks'; urls: readonly string[] }
  | { kind: 'generated' }

export interface Config {
  port: number
  host: string
  /** Processes that share the port. */
  workers: number
  /** Undefined: embedded mode. */
  databaseUrl: string | undefined
  /** Undefined: there are no replicas. */
  databaseReplicaUrl: string | undefined
  databaseReplicaMaxLagSeconds: number
  /** Empty: every tenant lives in the same database. */
  tenantDatabases: readonly TenantDatabase[]
  /** Undefined: derived from the name of the database. */
  databaseWaitMs: number
  appRole: string | undefined
  requireAppRole: boolean
  /** Undefined: a private one, or none. */
  redis: RedisTarget | undefined
  dataDir: string
  tokenKeys: TokenKeys
  jwtIssuers: readonly string[] | undefined
  jwtAudience: string | undefined
  /** Which claims name the user, the roles and the tenant. */
  jwtClaims: ReturnType<typeof claimNames>
  /** Nobody else is let in than the tenants that an operator has made. */
  onlyMadeTenants: boolean
  /** Seconds. */
  jwtMaxLifetime: number | undefined
  currency: string
  /** Amounts in major units by currency, `*` for all others. Above them, the console asks for confirmation. */
  confirmAbove: Readonly<Record<string, number>>
  /** `LOCAL_PAGES` among them in embedded mode outside of production. */
  corsOrigins: string[]
  rateLimits: {
    perUser: RequestRates
    perAddress: RequestRates
    /** Number of proxies in front whose X-Forwarded-For is trusted. */
    trustProxy: number
  }
  logLevel: Variables['LOG_LEVEL']
  production: boolean
  requestTimeoutMs: number
  auditTimeoutMs: number
  /** Balance frames a second of one connection. Undefined: no limit. */
  eventHistory: number
  /** Parts that users are divided into. Undefined: by the kind of Redis. */
  shards: number | undefined
  streamMaxRate: number | undefined
  drainSeconds: number
  holdExpiringSeconds: number
  eventRetentionSeconds: number
  webhookAllowPrivate: boolean
  /** Requests at the same time to one endpoint. */
  webhookConcurrency: number
  push: PushConfig
  /** The payment providers. Undefined ones are not configured. */
  providers: ReturnType<typeof providers>
  /** How people sign in to the pages. Undefined: with a token. */
  signIn: SignInConfig | undefined
  /** Undefined: no tracing. */
  tracing: TracingConfig | undefined
}

/** The OpenID provider, and the sessions of those who sign in there. */
export interface SignInConfig {
  issuer: string
  clientId: string
  clientSecret: string | undefined
  scope: string
  /** For people. */
  name: string
  claims: ReturnType<typeof claimNames>
  /** Of a session. */
  seconds: number
  /** The pages offer no other way to sign in. */
  only: boolean
  /** Undefined: derived from the secret of the tokens. */
  secret: string | undefined
}

/** Push notifications. */
export interface PushConfig {
  /** `generated`: an embedded server's own, kept in its data folder. Undefined: nothing is pushed. */
  keys: Omit<VapidKeys, 'subject'> | 'generated' | undefined
  subject: string
  /** An older notification is not sent. */
  maxAgeSeconds: number
}

/** Requests in a minute; 0 means no limit. */
export type RequestRates = Readonly<Record<'reads' | 'writes' | 'handshakes', number>>

/** The destination of spans, and the requests that get one. */
export interface TracingConfig {
  url: string
  serviceName: string
  sampler: Variables['OTEL_TRACES_SAMPLER']
  /** From 0 to 1. */
  ratio: number
}

/**
 * Reads the whole configuration from the environment. Call it once, at start.
 * @throws ConfigError with a line for each invalid variable
 */
export function parseConfig(env: Record<string, string | undefined> = process.env): Config {
  const vars = parseVariables(env)
  const problems = contradictions(vars)
  if (problems.length > 0) throw new ConfigError(problems.join('\n'))
  return {
    port: vars.PORT,
    host: vars.HOST ?? (vars.DATABASE_URL ? '0.0.0.0' : '127.0.0.1'),
    workers: vars.WORKERS === 'auto' ? availableParallelism() : vars.WORKERS,
    databaseUrl: vars.DATABASE_URL,
    databaseReplicaUrl: vars.DATABASE_REPLICA_URL,
    databaseReplicaMaxLagSeconds: vars.DATABASE_REPLICA_MAX_LAG,
    tenantDatabases: vars.TENANT_DATABASES,
    databaseWaitMs: vars.DATABASE_WAIT * 1000,
    appRole: vars.APP_ROLE,
    requireAppRole: vars.REQUIRE_APP_ROLE === 'true',
    redis: redisTarget(vars),
    dataDir: vars.DATA_DIR,
    tokenKeys: tokenKeys(vars),
    jwtIssuers: vars.JWT_ISSUER,
    jwtAudience: vars.JWT_AUDIENCE,
    jwtClaims: claimNames(vars),
    onlyMadeTenants: vars.TENANTS === 'made',
    jwtMaxLifetime: vars.JWT_MAX_LIFETIME,
    currency: vars.CURRENCY,
    confirmAbove: vars.CONFIRM_ABOVE,
    corsOrigins: corsOrigins(vars),
    rateLimits: {
      perUser: {
        reads: vars.RATE_LIMIT_READS,
        writes: vars.RATE_LIMIT_WRITES,
        handshakes: vars.RATE_LIMIT_HANDSHAKES,
      },
      perAddress: {
        reads: vars.RATE_LIMIT_IP_READS,
        writes: vars.RATE_LIMIT_IP_WRITES,
        handshakes: vars.RATE_LIMIT_IP_HANDSHAKES,
      },
      trustProxy: vars.TRUST_PROXY,
    },
    logLevel: vars.LOG_LEVEL,
    production: vars.NODE_ENV === 'production',
    requestTimeoutMs: vars.REQUEST_TIMEOUT * 1000,
    auditTimeoutMs: vars.AUDIT_TIMEOUT * 1000,
    eventHistory: vars.EVENT_HISTORY,
    shards: vars.FAN_OUT_SHARDS,
    streamMaxRate: vars.STREAM_MAX_RATE,
    drainSeconds: vars.DRAIN_SECONDS,
    eventRetentionSeconds: vars.EVENT_RETENTION,
    webhookAllowPrivate: vars.WEBHOOK_ALLOW_PRIVATE === 'true',
    webhookConcurrency: vars.WEBHOOK_CONCURRENCY,
    push: push(vars),
    holdExpiringSeconds: vars.HOLD_EXPIRING_SECONDS,
    providers: providers(vars),
    signIn: signIn(vars),
    tracing: tracing(vars),
  }
}

export function claimNames(vars: Variables) {
  return {
    user: vars.JWT_USER_CLAIM,
    roles: vars.JWT_ROLES_CLAIM,
    tenant: vars.JWT_TENANT_CLAIM,
    roleMap: vars.JWT_ROLE_MAP as ReadonlyMap<string, string> | undefined,
  }
}

function corsOrigins(vars: Variables): string[] {
  const isDevelopment = vars.DATABASE_URL === undefined && vars.NODE_ENV !== 'production'
  return isDevelopment ? [...vars.CORS_ORIGINS, LOCAL_PAGES] : vars.CORS_ORIGINS
}

/**
 * Where Redis is, by all variables about it. Undefined: none of them says so.
 *
 * @throws ConfigError where they contradict each other
 */
export function redisTarget(vars: Variables): RedisTarget | undefined {
  const addresses = (['REDIS_URL', 'REDIS_SENTINELS', 'REDIS_CLUSTER'] as const).flatMap(
    (setting) => (vars[setting] === undefined ? [] : [{ setting, text: vars[setting] }]),
  )
  const [address, other] = addresses
  if (!address) return undefined
  if (other) {
    throw new ConfigError(
      `${address.setting} and ${other.setting} exclude each other: set the one that leads to your Redis`,
    )
  }
  try {
    return parseRedisAddress(address.text, address.setting, {
      username: vars.REDIS_USERNAME,
      password: vars.REDIS_PASSWORD,
      sentinelMaster: vars.REDIS_SENTINEL_MASTER,
      sentinelUsername: vars.REDIS_SENTINEL_USERNAME,
      sentinelPassword: vars.REDIS_SENTINEL_PASSWORD,
      tlsCa: vars.REDIS_TLS_CA,
      tlsCert: vars.REDIS_TLS_CERT,
      tlsKey: vars.REDIS_TLS_KEY,
      tlsServername: vars.REDIS_TLS_SERVERNAME,
      natMap: vars.REDIS_NAT_MAP,
    })
  } catch (error) {
    if (!(error instanceof ConnectionStringError)) throw error
    throw new ConfigError(`${address.setting} ${error.message}`)
  }
}

function contradictions(vars: Variables): string[] {
  if (vars.JWT_SECRET && vars.JWT_JWKS_URL) {
    return ['JWT_SECRET and JWT_JWKS_URL exclude each other: set the one that signs your tokens']
  }
  const issuers = vars.JWT_ISSUER?.length ?? 0
  if (vars.JWT_JWKS_URL && vars.JWT_JWKS_URL.length > 1 && vars.JWT_JWKS_URL.length !== issuers) {
    return [
      `JWT_JWKS_URL names ${vars.JWT_JWKS_URL.length} key sets and JWT_ISSUER ${issuers} issuers: name one of each, in the same order`,
    ]
  }
  if (vars.DATABASE_URL && !vars.JWT_SECRET && !vars.JWT_JWKS_URL) {
    return [
      'JWT_SECRET (or JWT_JWKS_URL) must be set with DATABASE_URL: there is no default secret',
    ]
  }
  if (vars.DATABASE_REPLICA_URL && !vars.DATABASE_URL) {
    return ['DATABASE_URL must be set with DATABASE_REPLICA_URL: it names the primary']
  }
  if (vars.TENANT_DATABASES.length > 0 && !vars.DATABASE_URL) {
    return ['DATABASE_URL must be set with TENANT_DATABASES: it has all other tenants']
  }
  if (vars.TENANT_DATABASES.some(({ url }) => url === vars.DATABASE_URL)) {
    return ['TENANT_DATABASES names the database of DATABASE_URL, where tenants live anyway']
  }
  if ((vars.OIDC_ISSUER === undefined) !== (vars.OIDC_CLIENT_ID === undefined)) {
    return ['OIDC_ISSUER and OIDC_CLIENT_ID must be set together']
  }
  if (vars.OIDC_ISSUER && vars.JWT_JWKS_URL && !vars.SESSION_SECRET) {
    return ['SESSION_SECRET must be set with OIDC_ISSUER and JWT_JWKS_URL: it signs the sessions']
  }
  if (vars.OIDC_ONLY === 'true' && !vars.OIDC_ISSUER) {
    return ['OIDC_ISSUER must be set with OIDC_ONLY: else nobody could sign in']
  }
  if (vars.STRIPE_SECRET_KEY && !vars.STRIPE_WEBHOOK_SECRET) {
    return ['STRIPE_WEBHOOK_SECRET must be set with STRIPE_SECRET_KEY: else no payment is credited']
  }
  if (vars.SIGNED_PROVIDER_URL && !vars.SIGNED_PROVIDER_SECRET) {
    return [
      'SIGNED_PROVIDER_SECRET must be set with SIGNED_PROVIDER_URL: else no payment is credited',
    ]
  }
  const { VAPID_PUBLIC_KEY: publicKey, VAPID_PRIVATE_KEY: privateKey } = vars
  if ((publicKey === undefined) !== (privateKey === undefined)) {
    return ['VAPID_PUBLIC_KEY and VAPID_PRIVATE_KEY must be set together']
  }
  if (publicKey && privateKey && !isVapidPair(publicKey, privateKey)) {
    return ['VAPID_PRIVATE_KEY is not the one of VAPID_PUBLIC_KEY: livebalance vapid makes a pair']
  }
  if (publicKey && !vars.VAPID_SUBJECT) {
    return ['VAPID_SUBJECT must be set with VAPID_PUBLIC_KEY: push services want to reach you']
  }
  if (vars.SIGNED_PROVIDER_URL && vars.STRIPE_SECRET_KEY) {
    return ['STRIPE_SECRET_KEY and SIGNED_PROVIDER_URL exclude each other: one begins the payments']
  }
  return []
}

function tokenKeys(vars: Variables): TokenKeys {
  if (vars.JWT_SECRET) return { kind: 'secret', secret: vars.JWT_SECRET }
  if (vars.JWT_JWKS_URL) return { kind: 'jwks', urls: vars.JWT_JWKS_URL }
  return { kind: 'generated' }
}

function signIn(vars: Variables): SignInConfig | undefined {
  const { OIDC_ISSUER: issuer, OIDC_CLIENT_ID: clientId } = vars
  if (issuer === undefined || clientId === undefined) return undefined
  const names = claimNames(vars)
  const given = vars.OIDC_ROLE_MAP as typeof names.roleMap
  return {
    ...{ issuer, clientId, clientSecret: vars.OIDC_CLIENT_SECRET, scope: vars.OIDC_SCOPE },
    name: vars.OIDC_NAME ?? new URL(issuer).host,
    claims: {
      user: vars.OIDC_USER_CLAIM ?? names.user,
      roles: vars.OIDC_ROLES_CLAIM ?? names.roles,
      tenant: vars.OIDC_TENANT_CLAIM ?? names.tenant,
      roleMap: given ?? names.roleMap,
    },
    seconds: Math.min(vars.OIDC_SESSION, vars.JWT_MAX_LIFETIME ?? vars.OIDC_SESSION),
    only: vars.OIDC_ONLY === 'true',
    secret: vars.SESSION_SECRET,
  }
}

/** Of an embedded server that nobody else is meant to reach. */
const OWN_SUBJECT = 'mailto:livebalance@localhost.localdomain'

function push(vars: Variables): PushConfig {
  const { VAPID_PUBLIC_KEY: publicKey, VAPID_PRIVATE_KEY: privateKey } = vars
  const given = publicKey && privateKey ? { publicKey, privateKey } : undefined
  return {
    keys: given ?? (vars.DATABASE_URL === undefined ? 'generated' : undefined),
    subject: vars.VAPID_SUBJECT ?? OWN_SUBJECT,
    maxAgeSeconds: vars.PUSH_MAX_AGE,
  }
}

function providers(vars: Variables) {
  return {
    stripe:
      vars.STRIPE_WEBHOOK_SECRET === undefined
        ? undefined
        : {
            webhookSecret: vars.STRIPE_WEBHOOK_SECRET,
            secretKey: vars.STRIPE_SECRET_KEY,
            apiUrl: vars.STRIPE_API_URL,
          },
    signed:
      vars.SIGNED_PROVIDER_SECRET === undefined
        ? undefined
        : { secrets: vars.SIGNED_PROVIDER_SECRET, url: vars.SIGNED_PROVIDER_URL },
    takeBack: { refunds: vars.PROVIDER_REFUNDS, disputes: vars.PROVIDER_DISPUTES },
  }
}

function tracing(vars: Variables): TracingConfig | undefined {
  const base = vars.OTEL_EXPORTER_OTLP_ENDPOINT?.replace(/\/$/, '')
  const url = vars.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? (base && `${base}/v1/traces`)
  if (url === undefined || vars.OTEL_SDK_DISABLED === 'true') return undefined
  return {
    url,
    serviceName: vars.OTEL_SERVICE_NAME,
    sampler: vars.OTEL_TRACES_SAMPLER,
    ratio: vars.OTEL_TRACES_SAMPLER_ARG,
  }
}

/** An invalid environment. The message has one line for each variable, and repeats no value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/**
 * Reads every variable.
 * @throws ConfigError with a line for each invalid variable
 */
export function parseVariables(env: Record<string, string | undefined>): Variables {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  // It runs once in a process, so compiling the schema would cost more than it saves.
  const parsed = VARIABLES.safeParse(set, { jitless: true })
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${messageOf(issue)}`)
  throw new ConfigError(problems.join('\n'))
}

function messageOf(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_value'
    ? `must be one of ${issue.values.join(', ')}`
    : issue.message
}
