import * as z from 'zod'
import { CURRENCIES } from '../lib/currencies.ts'
import { parseDuration, UNITS } from '../lib/duration.ts'
import { isOrigin } from '../lib/origins.ts'
import { parseConnectionString } from './connection-string.ts'
import { parseRedisAddress, type RedisTarget } from './redis-address.ts'
import { parseTenantDatabases, type TenantDatabase } from './tenant-databases.ts'
import { ConnectionStringError } from './url-parts.ts'

const duration = z.string().transform((text, context) => {
  const parsed = parseDuration(text)
  if (parsed !== undefined) return parsed
  context.addIssue('must be a duration such as 7d, 24h, 30m or 90 (seconds)')
  return z.NEVER
})

const seconds = (max: number) =>
  z
    .string()
    .regex(/^\d{1,6}(\.\d{1,3})?$/, `must be a number of seconds, at most ${max}`)
    .transform(Number)
    .refine((value) => value <= max, `must be at most ${max} seconds`)

const url = (schemes: readonly string[]) =>
  z
    .string()
    .refine(
      (text) => URL.canParse(text) && schemes.includes(new URL(text).protocol.slice(0, -1)),
      `must be a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
    )
    // `fetch` rejects credentials in a URL, and its error repeats them.
    .refine(
      (text) => !/^https?:/i.test(text) || !URL.canParse(text) || new URL(text).username === '',
      'must not contain a user or a password',
    )

const list = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .refine((parts) => parts.every((part) => part !== ''), 'must be a list separated by commas')

/** Names of an identity provider, and our roles. */
const roleMap = (...roles: string[]) =>
  list.transform((pairs, context) => {
    const map = new Map<string, string>()
    for (const pair of pairs) {
      const [, name, role] = /^(.+)=(\w+)$/.exec(pair) ?? []
      if (name === undefined || role === undefined || !roles.includes(role)) {
        context.addIssue(
          `must be pairs such as billing-admin=admin; the roles are ${roles.join(', ')}`,
        )
        return z.NEVER
      }
      map.set(name, role)
    }
    return map
  })

/** Whether nobody between can read the sign-ins: plain HTTP stays on this machine. */
const isSafeIssuer = ({ protocol, hostname }: URL) =>
  protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname)

const keySetUrl = url(['https', 'http'])

const rate = (standard: number, description: string) =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number, 0 for no limit')
    .transform(Number)
    .default(standard)
    .describe(`${description}; 0 for no limit.`)

const redisAddress = (setting: RedisTarget['setting']) =>
  z
    .string()
    .superRefine((text, context) => {
      // What other variables add is checked together with them. Here, they may say anything that is missing.
      try {
        parseRedisAddress(text, setting, { sentinelMaster: 'any', password: 'any' })
      } catch (error) {
        if (!(error instanceof ConnectionStringError)) throw error
        context.addIssue(error.message)
      }
    })
    .optional()

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const

/** Every variable of the server, with its documentation. An empty variable counts as unset. */
export const VARIABLES = z.object({
  PORT: z
    .string()
    .regex(/^\d{1,5}$/, 'must be a port number')
    .transform(Number)
    .refine((port) => port <= 65_535, 'must be a port number, at most 65535')
    .default(3000)
    .describe('Port to listen on. 0 takes a free one.'),
  HOST: z
    .string()
    .optional()
    .describe(
      'Address to listen on. Default: 127.0.0.1 without DATABASE_URL, else 0.0.0.0 (all of IPv4).',
    ),
  WORKERS: z
    .string()
    .regex(/^(auto|[1-9]\d{0,2})$/, 'must be a number of processes from 1 to 128, or auto')
    .transform((text) => (text === 'auto' ? text : Number(text)))
    .refine((count) => count === 'auto' || count <= 128, 'must be at most 128')
    .default(1)
    .describe(
      'Server processes that share the port, with a parent that restarts and replaces them. `auto`: one for each processor that this program may use. More than 1 needs Node and Redis.',
    ),
  DATABASE_URL: z
    .string()
    .superRefine((text, context) => {
      try {
        parseConnectionString(text)
      } catch (error) {
        if (!(error instanceof ConnectionStringError)) throw error
        context.addIssue(error.message)
      }
    })
    .optional()
    .describe(
      'Postgres 15 to 18 to keep the ledger in, as libpq reads it: postgres://user:password@host:port/database. Without it the server starts a private one.',
    ),
  DATABASE_REPLICA_URL: z
    .string()
    .superRefine((text, context) => {
      try {
        parseConnectionString(text)
      } catch (error) {
        if (!(error instanceof ConnectionStringError)) throw error
        context.addIssue(error.message)
      }
    })
    .optional()
    .describe(
      'Streaming replicas of DATABASE_URL, which take statements, exports, searches, audits and analytics: postgres://user:password@replica1,replica2:5433/database. Each host is a replica.',
    ),
  DATABASE_REPLICA_MAX_LAG: seconds(3600)
    .refine((value) => value > 0, 'must be more than 0 seconds')
    .default(10)
    .describe('A replica that is further behind, in seconds, gets no reads.'),
  TENANT_DATABASES: z
    .string()
    .transform((text, context): TenantDatabase[] => {
      try {
        return parseTenantDatabases(text)
      } catch (error) {
        if (!(error instanceof ConnectionStringError)) throw error
        context.addIssue(error.message)
        return z.NEVER
      }
    })
    .default([])
    .describe(
      'Tenants that live in databases of their own, as pairs separated by spaces: acme=postgres://user:password@host:port/database globex=postgres://…. All others live in DATABASE_URL.',
    ),
  DATABASE_WAIT: seconds(86_400)
    .default(30)
    .describe('Seconds that a start waits for a database that does not answer yet.'),
  APP_ROLE: z
    .string()
    .refine(
      (name) => Buffer.byteLength(name) <= 63 && !/^(none$|public$|pg_)|[\p{Cc}]/u.test(name),
      'must be a valid name of a Postgres role, at most 63 bytes',
    )
    .optional()
    .describe(
      'Database role that the server works as. Default: livebalance_app_ and the name of the database.',
    ),
  REQUIRE_APP_ROLE: z
    .enum(['true', 'false'])
    .default('false')
    .describe('`true`: the server does not start if it cannot work as that role.'),
  REDIS_URL: redisAddress('REDIS_URL').describe(
    'Redis or Valkey for the cache and for messages between processes: redis://, rediss://, unix://, redis-sentinel:// or redis-cluster://. Default: the server starts a private one if it finds the program, or does without.',
  ),
  REDIS_SENTINELS: redisAddress('REDIS_SENTINELS').describe(
    'The Sentinels that name the primary, in place of REDIS_URL: host1:26379,host2:26379.',
  ),
  REDIS_CLUSTER: redisAddress('REDIS_CLUSTER').describe(
    'Nodes of a Redis Cluster, in place of REDIS_URL: host1:6379,host2:6379. A few are enough: they name the others.',
  ),
  REDIS_USERNAME: z.string().optional().describe('User of Redis, if the address has none.'),
  REDIS_PASSWORD: z.string().optional().describe('Password of Redis, if the address has none.'),
  REDIS_SENTINEL_MASTER: z
    .string()
    .optional()
    .describe('Name of the primary in `sentinel monitor`, if the address has none.'),
  REDIS_SENTINEL_USERNAME: z.string().optional().describe('User of the Sentinels.'),
  REDIS_SENTINEL_PASSWORD: z.string().optional().describe('Password of the Sentinels.'),
  REDIS_TLS_CA: z
    .string()
    .optional()
    .describe(
      'File with the authority that signed the certificate of Redis. Default: the authorities that Node trusts.',
    ),
  REDIS_TLS_CERT: z
    .string()
    .optional()
    .describe('File with the certificate that the server shows Redis.'),
  REDIS_TLS_KEY: z.string().optional().describe('File with the key of that certificate.'),
  REDIS_TLS_SERVERNAME: z
    .string()
    .optional()
    .describe(
      'Name that the certificate of Redis must have. Default: the host that it is reached by.',
    ),
  REDIS_NAT_MAP: z
    .string()
    .optional()
    .describe(
      'Addresses to use in place of those that Sentinel or the cluster names, such as 10.0.0.5:6379=redis1.example.com:6379.',
    ),
  DATA_DIR: z
    .string()
    .default('.livebalance')
    .describe('Folder of the private Postgres and Redis, and of the generated secret.'),
  JWT_SECRET: z
    .string()
    .refine((text) => Buffer.byteLength(text) >= 32, 'must be at least 32 bytes long')
    .optional()
    .describe(
      'Secret of HS256 tokens, at least 32 bytes. With DATABASE_URL, this or JWT_JWKS_URL is required. Default: generated and kept in DATA_DIR.',
    ),
  JWT_JWKS_URL: list
    .superRefine((texts, context) => {
      for (const text of texts) {
        const { error } = keySetUrl.safeParse(text)
        if (error) return context.addIssue(error.issues[0]?.message ?? '')
      }
    })
    .optional()
    .describe(
      'URL of the public keys of RS256, ES256 and EdDSA tokens. Several are separated by commas, one for each issuer in JWT_ISSUER, in the same order. Cannot be combined with JWT_SECRET.',
    ),
  JWT_ISSUER: list
    .optional()
    .describe(
      'The `iss` that every token must carry. Several are separated by commas; one of them is enough.',
    ),
  JWT_AUDIENCE: z
    .string()
    .optional()
    .describe('The `aud` that every token must carry, alone or among others.'),
  JWT_USER_CLAIM: z
    .string()
    .optional()
    .describe("The claim with the user's id: a name, or a path with dots. Default: `sub`."),
  JWT_ROLES_CLAIM: list
    .optional()
    .describe(
      'The claim with the roles: a name such as `cognito:groups` or `https://example.com/roles`, or a path such as `realm_access.roles`. It is a list or one name; `scope` and `scp` are names with blanks between. Several are separated by commas. Default: `roles,role`.',
    ),
  JWT_TENANT_CLAIM: z
    .string()
    .optional()
    .describe('The claim with the tenant: a name, or a path with dots. Default: `tenant`.'),
  JWT_ROLE_MAP: roleMap('admin', 'service', 'operator')
    .optional()
    .describe(
      "The provider's names of roles, such as `billing-admin=admin,shop=service`. If it is set, no other name counts.",
    ),
  TENANTS: z
    .enum(['any', 'made'])
    .default('any')
    .describe(
      '`made`: only tenants that an operator has made are let in, and `default`. `any`: also every other tenant that a token names, with the settings of the server.',
    ),
  JWT_MAX_LIFETIME: duration
    .refine((value) => value > 0, 'must be more than 0 seconds')
    .optional()
    .describe(
      'Longest time from `iat` to `exp` of a token, such as 24h. Longer tokens are rejected, and older revocations are deleted. Default: no limit, and revocations without an end stay until they are lifted.',
    ),
  OIDC_ISSUER: url(['https', 'http'])
    .refine(
      (text) => !URL.canParse(text) || isSafeIssuer(new URL(text)),
      'must begin with https://, except on this machine',
    )
    .optional()
    .describe(
      'Issuer of the OpenID provider with whose accounts people sign in to the console and the wallet. Default: they sign in with a token.',
    ),
  OIDC_CLIENT_ID: z
    .string()
    .optional()
    .describe('The client that is registered at the provider. Required with OIDC_ISSUER.'),
  OIDC_CLIENT_SECRET: z
    .string()
    .optional()
    .describe('Secret of that client. Default: it is a public client, which PKCE protects.'),
  OIDC_SCOPE: z
    .string()
    .refine(
      (text) => text.split(' ').includes('openid'),
      'must contain openid; names are separated by blanks',
    )
    .default('openid profile')
    .describe('What the provider is asked for, separated by blanks.'),
  OIDC_NAME: z
    .string()
    .max(60, 'must have at most 60 characters')
    .optional()
    .describe('Name of the provider on the button. Default: the host of OIDC_ISSUER.'),
  OIDC_USER_CLAIM: z
    .string()
    .optional()
    .describe('The claim of the ID token with the user’s id. Default: JWT_USER_CLAIM, else `sub`.'),
  OIDC_ROLES_CLAIM: list
    .optional()
    .describe(
      'The claim of the ID token with the roles or groups, as JWT_ROLES_CLAIM, which is the default.',
    ),
  OIDC_TENANT_CLAIM: z
    .string()
    .optional()
    .describe('The claim of the ID token with the tenant. Default: JWT_TENANT_CLAIM.'),
  OIDC_ROLE_MAP: roleMap('admin', 'operator')
    .optional()
    .describe(
      "The provider's names of roles or groups, such as `finance=admin,platform=operator`. If it is set, no other name counts. Default: JWT_ROLE_MAP. Nobody is a `service` by a sign-in.",
    ),
  OIDC_SESSION: duration
    .refine((value) => value >= 60 && value <= 86_400, 'must be from 60 seconds to 24h')
    .default(3600)
    .describe(
      'How long a person stays signed in, at most JWT_MAX_LIFETIME. The next sign-in reads their roles anew, and asks for nothing while the provider still knows them.',
    ),
  OIDC_ONLY: z
    .enum(['true', 'false'])
    .default('false')
    .describe(
      '`true`: the pages do not offer to sign in with a token. The API still takes tokens.',
    ),
  SESSION_SECRET: z
    .string()
    .refine((text) => Buffer.byteLength(text) >= 32, 'must be at least 32 bytes long')
    .optional()
    .describe(
      'Secret of the sessions of people who sign in by OIDC, at least 32 bytes, the same for every process. Required with OIDC_ISSUER and JWT_JWKS_URL. Default: derived from JWT_SECRET.',
    ),
  CURRENCY: z
    .string()
    .refine((code) => CURRENCIES.has(code), 'must be an ISO 4217 code such as USD')
    .default('USD')
    .describe('Currency of requests that name none.'),
  CONFIRM_ABOVE: z
    .string()
    .regex(
      /^(([A-Z]{3}=)?\d{1,15}(\.\d{1,4})?)(,([A-Z]{3}=)?\d{1,15}(\.\d{1,4})?)*$/,
      'must be amounts such as 1000 or 1000,JPY=150000',
    )
    .transform((list) => list.split(',').map((part) => part.split('=')))
    .transform((parts) =>
      Object.fromEntries(
        parts.map(([first = '', amount]) =>
          amount === undefined ? ['*', Number(first)] : [first, Number(amount)],
        ),
      ),
    )
    .refine(
      (amounts) => Object.keys(amounts).every((code) => code === '*' || CURRENCIES.has(code)),
      'must name currencies by their ISO 4217 codes such as USD',
    )
    .default({ '*': 1000 })
    .describe(
      'Amount above which the admin console asks again before it approves a request. Set one for a currency like this: 1000,JPY=150000. For a currency without an amount it always asks. Default: 1000 in every currency.',
    ),
  CORS_ORIGINS: z
    .string()
    .transform((list) => list.split(',').map((origin) => origin.trim()))
    .refine(
      (origins) => origins.every(isOrigin),
      'must be a comma-separated list of origins such as https://app.example.com, or *',
    )
    .default([])
    .describe(
      'Origins of web pages that may call, separated by commas. `*` allows all. Embedded mode also allows pages of localhost on any port, except with NODE_ENV=production.',
    ),
  TRUST_PROXY: z
    .string()
    .regex(/^(\d{1,2}|true|false)$/, 'must be the number of proxies in front, or true or false')
    .transform((text) => (text === 'true' ? 1 : text === 'false' ? 0 : Number(text)))
    .default(0)
    .describe(
      'Number of proxies in front whose X-Forwarded-For is trusted. 0 or false: none; true: 1.',
    ),
  RATE_LIMIT_READS: rate(1200, 'GET requests that a user may make in a minute'),
  RATE_LIMIT_WRITES: rate(300, 'Other requests that a user may make in a minute'),
  RATE_LIMIT_HANDSHAKES: rate(
    120,
    'Streams and tickets that a user may open in a minute, on all transports together',
  ),
  RATE_LIMIT_IP_READS: rate(12_000, 'GET requests from one address in a minute'),
  RATE_LIMIT_IP_WRITES: rate(3000, 'Other requests from one address in a minute'),
  RATE_LIMIT_IP_HANDSHAKES: rate(1200, 'Streams and tickets for one address in a minute'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('Lowest severity that is logged.'),
  REQUEST_TIMEOUT: seconds(600)
    .refine((value) => value > 0, 'must be more than 0 seconds')
    .default(10)
    .describe('Seconds after which a request without an answer gets 503 `timeout`.'),
  AUDIT_TIMEOUT: seconds(86_400)
    .refine((value) => value > 0, 'must be more than 0 seconds')
    .default(600)
    .describe('The same for an admin’s audit, verification or recalculation.'),
  EVENT_HISTORY: z
    .string()
    .regex(/^\d{1,4}$/, 'must be a number of events, at most 1000')
    .transform(Number)
    .refine((value) => value <= 1000, 'must be at most 1000')
    .default(64)
    .describe(
      'The newest events of each user that Redis keeps for an hour after the last one. Clients that connect again within them ask Postgres nothing. 0: none.',
    ),
  FAN_OUT_SHARDS: z
    .string()
    .regex(/^[1-9]\d{0,4}$/, 'must be a number of shards, from 1 to 16384')
    .transform(Number)
    // Of a cluster each shard has a slot of its own.
    .refine((value) => value <= 16_384, 'must be at most 16384')
    .optional()
    .describe(
      'Parts that users are divided into, each with a channel of its own. A process hears only those that its connected users are in. The same in all processes. Default: 1, which is `balance:updates`; on a Redis Cluster 1024.',
    ),
  STREAM_MAX_RATE: z
    .string()
    .regex(/^\d{1,4}(\.\d{1,3})?$/, 'must be a number of frames a second, from 0.1 to 1000')
    .transform(Number)
    .refine((value) => value >= 0.1 && value <= 1000, 'must be from 0.1 to 1000')
    .optional()
    .describe(
      'The most balance frames a second that a connection gets. Changes in between are merged into one frame. Default: no limit.',
    ),
  DRAIN_SECONDS: seconds(3600)
    .default(10)
    .describe('Seconds that open requests and connections have to finish at shutdown.'),
  HOLD_EXPIRING_SECONDS: seconds(86_400)
    .default(60)
    .describe(
      'Clients and the service that opened a hold get `hold_expiring` this long before the hold expires; 0 for never.',
    ),
  EVENT_RETENTION: duration
    .refine((value) => value >= 60, 'must be at least 60 seconds')
    .default(7 * UNITS.d)
    .describe(
      'How long events are kept at least for clients that resume, such as 7d, 24h, 30m or seconds. Default: 7d. They go up to an eighth of it later.',
    ),
  WEBHOOK_ALLOW_PRIVATE: z
    .enum(['true', 'false'])
    .default('false')
    .describe(
      '`true`: webhooks and push notifications may go to private, loopback and link-local addresses, and by plain HTTP. Then an admin of any tenant, and any user, can send requests into your own network.',
    ),
  WEBHOOK_CONCURRENCY: z
    .string()
    .regex(/^[1-9]\d{0,2}$/, 'must be a number of requests, from 1 to 999')
    .transform(Number)
    .default(64)
    .describe(
      'Requests that a process sends to one webhook at the same time, each with an event of another user. To all together up to eight times as many.',
    ),
  VAPID_PUBLIC_KEY: z
    .string()
    .regex(/^[\w-]{87}$/, 'must be 65 bytes in base64url: livebalance vapid makes a pair')
    .optional()
    .describe(
      'Public key of push notifications. `livebalance vapid` makes a pair. Embedded mode keeps a pair of its own in DATA_DIR. Without keys nothing is pushed.',
    ),
  VAPID_PRIVATE_KEY: z
    .string()
    .regex(/^[\w-]{43}$/, 'must be 32 bytes in base64url: livebalance vapid makes a pair')
    .optional()
    .describe('Private key of push notifications. A new pair makes every device subscribe again.'),
  VAPID_SUBJECT: z
    .string()
    .regex(/^(mailto:[^\s@]+@[^\s@]+|https:\/\/\S+)$/, 'must be mailto:… or https://…')
    .optional()
    .describe(
      'Where push services can reach the operator, such as mailto:ops@example.com. Required with the keys.',
    ),
  PUSH_MAX_AGE: duration
    .refine((value) => value >= 30 && value <= 86_400, 'must be from 30 seconds to a day')
    .default(UNITS.h)
    .describe(
      'A notification that could not be sent for so long is dropped, such as 1h, 30m or seconds. Default: 1h.',
    ),
  STRIPE_WEBHOOK_SECRET: z
    .string()
    .regex(/^\S{8,}$/, 'must be the signing secret of the endpoint, whsec_…')
    .optional()
    .describe(
      'Signing secret of the endpoint POST /providers/stripe. With it, payments at Stripe settle topups.',
    ),
  STRIPE_SECRET_KEY: z
    .string()
    .regex(/^\S{8,}$/, 'must be a secret or restricted key, sk_… or rk_…')
    .optional()
    .describe(
      'Secret key of Stripe. With it, a topup’s answer has the `clientSecret` of a PaymentIntent, and auto top-up can charge.',
    ),
  STRIPE_API_URL: url(['https', 'http'])
    .default('https://api.stripe.com')
    .describe('Base URL of Stripe’s API.'),
  SIGNED_PROVIDER_SECRET: list
    .refine(
      (secrets) => secrets.every((secret) => /^(whsec_)?[A-Za-z0-9+/]{32,}={0,2}$/.test(secret)),
      'must be whsec_ and at least 24 bytes in Base64',
    )
    .optional()
    .describe(
      'Secret of the endpoint POST /providers/signed, as Standard Webhooks has it: whsec_…. Several are separated by commas, while one replaces another.',
    ),
  SIGNED_PROVIDER_URL: url(['https', 'http'])
    .optional()
    .describe(
      'URL of the page where a topup is paid, for the topup’s answer. {topupId}, {tenant}, {userId}, {amount} and {currency} are filled in.',
    ),
  PROVIDER_REFUNDS: z
    .enum(['adjustment', 'hold'])
    .default('adjustment')
    .describe('How a refund of a provider is taken from the wallet.'),
  PROVIDER_DISPUTES: z
    .enum(['adjustment', 'hold'])
    .default('hold')
    .describe('The same for a dispute. A hold ends with the dispute.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: url(['https', 'http'])
    .optional()
    .describe(
      'OpenTelemetry collector for OTLP over HTTP, such as http://localhost:4318. Without it nothing is traced. OTEL_EXPORTER_OTLP_HEADERS, _TIMEOUT and OTEL_RESOURCE_ATTRIBUTES also apply.',
    ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url(['https', 'http'])
    .optional()
    .describe('Full URL for traces, if it is not /v1/traces of the collector.'),
  OTEL_SERVICE_NAME: z.string().default('livebalance').describe('Name of the server in traces.'),
  OTEL_TRACES_SAMPLER: z
    .enum(SAMPLERS)
    .default('parentbased_always_on')
    .describe(
      'Selects the requests that are traced. `parentbased_…` follows the caller’s `traceparent`, and decides itself if there is none.',
    ),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0(\.\d{1,9})?|1(\.0{1,9})?)$/, 'must be from 0 to 1')
    .transform(Number)
    .default(1)
    .describe('Share of requests for `traceidratio` samplers, from 0 to 1.'),
  OTEL_SDK_DISABLED: z
    .enum(['true', 'false'])
    .default('false')
    .describe('`true` turns tracing off.'),
  NODE_ENV: z
    .string()
    .optional()
    .describe(
      '`production` logs JSON on a terminal too. Output that is not a terminal is always JSON.',
    ),
  LIVEBALANCE_URL: url(['https', 'http'])
    .optional()
    .describe('Command line: the server to call. Default: localhost at PORT.'),
  LIVEBALANCE_TOKEN: z
    .string()
    .optional()
    .describe(
      "Command line: the admin's token. Default: one signed with JWT_SECRET, or with the secret in DATA_DIR.",
    ),
})

/** The parsed values. */
export type Variables = z.infer<typeof VARIABLES>
