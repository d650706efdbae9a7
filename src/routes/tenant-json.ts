import * as z from 'zod'
import { amountJson } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import { LIMITED_TYPES } from '../ledger/command.ts'
import { isOrigin } from '../lib/origins.ts'
import type {
  Tenant,
  TenantChanges,
  TenantIdentity,
  TenantLimit,
  TenantUsage,
} from '../tenants/tenant.ts'
import { LIMIT_RULES, limitBounds } from './limits.ts'

const MAX_LIMITS = 100
const MAX_ORIGINS = 100

/** A setting that is null again is the server's again. */
const setting = <S extends z.ZodType>(schema: S, description: string) =>
  schema.nullable().exactOptional().meta({ description })

const requests = z.int().min(1).max(1_000_000_000).exactOptional()
const framesPerSecond = z.number().min(0.1).max(1000)

const limit = z
  .strictObject({ type: z.enum(LIMITED_TYPES), currency: field.currency, ...limitBounds })
  .refine(...LIMIT_RULES.bounded)
  .refine(...LIMIT_RULES.windowed)

const identity = z
  .strictObject({
    secret: field
      .text(1000)
      .refine((text) => Buffer.byteLength(text) >= 32, 'must be at least 32 bytes long')
      .exactOptional()
      .meta({ description: 'Of HS256 tokens. No answer shows it.' }),
    jwksUrl: field
      .text(2000)
      .refine((text) => URL.canParse(text), 'must be a URL')
      .exactOptional()
      .meta({ description: 'Of the public keys of RS256, ES256 and EdDSA tokens, by https.' }),
    issuer: field.text(500).min(1).exactOptional(),
    audience: field.text(500).min(1).exactOptional(),
  })
  .refine(
    ({ secret, jwksUrl }) => (secret === undefined) !== (jwksUrl === undefined),
    'Set either secret or jwksUrl.',
  )

/** The settings of a tenant in a request. */
export const settingsFields = {
  currency: setting(field.currency, 'Currency of requests that name none. Null: CURRENCY.'),
  limits: setting(
    z
      .array(limit)
      .max(MAX_LIMITS)
      .refine(
        (limits) =>
          new Set(limits.map(({ type, currency }) => `${type} ${currency}`)).size === limits.length,
        'names a type and a currency twice',
      ),
    'Spending limits of every user who has none of their own for the type and the currency.',
  ),
  rateLimits: setting(
    z.strictObject({ reads: requests, writes: requests, handshakes: requests }),
    'Requests a minute of all users and services of the tenant together. What is left out has no limit.',
  ),
  maxConnections: setting(
    z.int().min(1).max(10_000_000),
    'Open streams of all its users together. Null: no limit.',
  ),
  identity: setting(
    identity,
    'Keys that verify the tokens of the tenant, and no others. Null: those of the server.',
  ),
  allowedOrigins: setting(
    z
      .array(
        z
          .string()
          .max(200)
          .refine(isOrigin, 'must be an origin such as https://app.example.com, or *'),
      )
      .max(MAX_ORIGINS)
      .transform((origins) => [...new Set(origins)]),
    'Origins of pages that may call for the tenant, in place of CORS_ORIGINS. Null: those.',
  ),
  maxWebhooks: setting(z.int().min(0).max(1000), 'Null: 50.'),
  eventRetentionSeconds: setting(
    z
      .int()
      .min(60)
      .max(10 * 366 * 86_400),
    'How long events are kept for clients that resume. Null: EVENT_RETENTION.',
  ),
  defaultMaxRate: setting(
    framesPerSecond,
    'Balance frames a second of streams that ask for no `maxRate`. Null: `maxRate`.',
  ),
  maxRate: setting(
    framesPerSecond,
    'The most balance frames a second that a stream gets, at most STREAM_MAX_RATE. Null: that.',
  ),
}

const settings = z.object(settingsFields)

type SettingsInput = z.output<typeof settings>

/** @throws ApiError `invalid_amount` */
export function settingsFrom({ limits, identity, ...rest }: SettingsInput): TenantChanges {
  return {
    ...rest,
    ...(limits !== undefined && { limits: limits?.map(toLimit) ?? null }),
    ...(identity !== undefined && { identity: identity && toIdentity(identity) }),
  }
}

function toLimit(
  { maxAmount, maxSum, ...rest }: z.output<typeof limit>,
  index: number,
): TenantLimit {
  const read = (input: field.AmountInput, name: string) =>
    String(field.readAmount(input, rest.currency, { field: `limits.${index}.${name}` }))
  return {
    ...rest,
    ...(maxAmount !== undefined && { maxAmount: read(maxAmount, 'maxAmount') }),
    ...(maxSum !== undefined && { maxSum: read(maxSum, 'maxSum') }),
  }
}

function toIdentity({ secret, jwksUrl = '', ...rest }: z.output<typeof identity>): TenantIdentity {
  return secret === undefined
    ? { kind: 'jwks', url: jwksUrl, ...rest }
    : { kind: 'secret', secret, ...rest }
}

/** A tenant without the secret of its tokens. */
export function tenantJson({ id, name, settings, suspendedAt, ...rest }: Tenant) {
  const { limits, identity } = settings
  return {
    id,
    name,
    suspended: suspendedAt !== null,
    suspendedAt,
    ...rest,
    currency: settings.currency ?? null,
    limits: limits?.map(limitJson) ?? null,
    rateLimits: settings.rateLimits ?? null,
    maxConnections: settings.maxConnections ?? null,
    identity: identity ? identityJson(identity) : null,
    allowedOrigins: settings.allowedOrigins ?? null,
    maxWebhooks: settings.maxWebhooks ?? null,
    eventRetentionSeconds: settings.eventRetentionSeconds ?? null,
    defaultMaxRate: settings.defaultMaxRate ?? null,
    maxRate: settings.maxRate ?? null,
  }
}

function limitJson({ type, currency, maxAmount, maxSum, windowSeconds }: TenantLimit) {
  const optional = (minor: string | null | undefined) =>
    minor == null ? null : amountJson(BigInt(minor), currency)
  return {
    type,
    currency,
    maxAmount: optional(maxAmount),
    maxSum: optional(maxSum),
    windowSeconds: windowSeconds ?? null,
  }
}

function identityJson(identity: TenantIdentity) {
  const { kind, issuer = null, audience = null } = identity
  return { kind, jwksUrl: identity.kind === 'jwks' ? identity.url : null, issuer, audience }
}

export function usageJson({ currencies, requests, ...rest }: TenantUsage, window: 'hour' | 'day') {
  return {
    ...rest,
    currencies: currencies.map(({ currency, transactions, volume }) => ({
      currency,
      transactions,
      volume: amountJson(BigInt(volume), currency),
    })),
    requests: { window, count: requests },
  }
}
