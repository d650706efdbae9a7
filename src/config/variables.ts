import { z } from 'zod'
import { CURRENCIES } from '../lib/currencies.ts'
import { parseDuration, UNITS } from '../lib/duration.ts'
import { parseConnectionString } from './connection-string.ts'
import { parseRedisAddress, type RedisTarget } from './redis-address.ts'
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

const isOrigin = (text: string) =>
  text === '*' || (URL.canParse(text) && new URL(text).origin === text)

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
  JWT_ROLE_MAP: list
    .transform((pairs, context) => {
      const map = new Map<string, string>()
      for (const pair of pairs) {
        const [, name, role] = /^(.+)=(admin|service)$/.exec(pair) ?? []
        if (name === undefined || role === undefined) {
          context.addIssue('must be pairs such as billing-admin=admin,shop=service')
          return z.NEVER
        }
        map.set(name, role)
      }
      return map
    })
    .optional()
    .describe(
      "The provider's names of roles, such as `billing-admin=admin,shop=service`. If it is set, no other name counts.",
    ),
  JWT_MAX_LIFETIME: duration
    .refine((value) => value > 0, 'must be more than 0 seconds')
    .optional()
    .describe(
      'Longest time from `iat` to `exp` of a token, such as 24h. Longer tokens are rejected, and older revocations are deleted. Default: no limit, and revocations without an end stay until they are lifted.',
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
  DRAIN_SECONDS: seconds(3600)
    .default(10)
    .describe('Seconds that open requests and connections have to finish at shutdown.'),
  EVENT_RETENTION: duration
    .refine((value) => value >= 60, 'must be at least 60 seconds')
    .default(7 * UNITS.d)
    .describe(
      'How long events are kept for clients that resume, such as 7d, 24h, 30m or seconds. Default: 7d.',
    ),
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
