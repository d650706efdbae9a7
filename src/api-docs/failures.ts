import { ERRORS } from '../http/errors.ts'
import type { Access } from '../http/middleware/authorize.ts'
import type { RefusalCode } from '../ledger/command.ts'
import type { ErrorCode } from '../lib/api-error.ts'
import type { Operation } from './operations.ts'

type Json = Record<string, unknown>

/** The properties of a route that decide how it can fail. */
export interface Fallible {
  access: Access | undefined
  body: boolean
  /** Takes an Idempotency-Key. */
  writes: boolean
  /** Changes nothing. */
  reads: boolean
  /** Codes that the schemas of its fields name. */
  fields: readonly RefusalCode[]
}

/** Examples of `details`. */
const DETAILS: Partial<Record<ErrorCode, Json>> = {
  invalid_request: { issues: [{ path: 'amount', message: 'must be a number' }] },
  unauthorized: { reason: 'audience' },
  token_expired: { reason: 'expired' },
  token_revoked: { reason: 'revoked' },
  insufficient_funds: {
    requiredAmount: 100,
    currentBalance: 80,
    available: 70,
    shortfall: 30,
    currency: 'USD',
  },
}

const RETRY_AFTER = {
  'Retry-After': {
    description: 'Seconds to wait before the next try. It is not sent with `timeout`.',
    schema: { type: 'integer' },
  },
}

const HEADERS: Readonly<Record<number, Json>> = {
  401: {
    'WWW-Authenticate': {
      description:
        '`Bearer`. If a token was sent, `error_description` says why it was refused (RFC 6750).',
      schema: {
        type: 'string',
        pattern: '^Bearer( error="invalid_token", error_description=".*")?$',
      },
    },
  },
  403: {
    'Retry-After': {
      description: 'Seconds to wait before the next try. It is sent with `tenant_suspended`.',
      schema: { type: 'integer' },
    },
  },
  429: {
    ...RETRY_AFTER,
    RateLimit: {
      description: 'The exhausted limit, the requests left, and the seconds until it resets.',
      schema: { type: 'string' },
    },
  },
  503: RETRY_AFTER,
}

/** Advice for a caller who got no answer: on a route that takes no key, and on one that does. */
const UNKNOWN = [
  'The change may have taken effect. The same request can be repeated safely.',
  'The request may have taken effect. Repeat it only with the same `Idempotency-Key`.',
] as const

/**
 * The error answers of a route by status. Each lists its codes with their meaning, and an example of each.
 * @param problem the schema of the error body; `unhealthy` replaces it for 503 where the route has another
 * @param examples collects the examples of all routes
 */
export function failures(
  { refusals = [], problems = {} }: Pick<Operation, 'refusals' | 'problems'>,
  { access, body, writes, reads, fields }: Fallible,
  { problem, unhealthy = problem }: { problem: Json; unhealthy?: Json | undefined },
  examples: Json,
): Json {
  const causes = new Map<number, string[]>()
  const add = (status: number, cause: string) => {
    causes.set(status, [...(causes.get(status) ?? []), cause])
  }
  const addCode = (code: ErrorCode) => {
    const [status, message] = ERRORS[code]
    if (status !== null) add(status, `\`${code}\`: ${message}`)
  }
  addCode('invalid_request')
  if (access) {
    add(
      401,
      '`unauthorized`, `token_expired`, `token_revoked`: The token is missing or not valid; `details.reason` says why.',
    )
    addCode('forbidden')
    if (access !== 'operator') addCode('tenant_suspended')
    add(429, '`rate_limited`: Too many requests; see `Retry-After` and `RateLimit`.')
  }
  if (body) {
    addCode('payload_too_large')
    addCode('unsupported_media_type')
  }
  addCode('internal')
  addCode('unavailable')
  add(503, `\`timeout\`: No answer in time. ${reads ? 'Try again.' : UNKNOWN[Number(writes)]}`)
  const reused = writes ? (['idempotency_key_reused'] as const) : []
  for (const code of new Set([...fields, ...refusals, ...reused])) addCode(code)
  for (const [status, cause] of Object.entries(problems)) add(Number(status), cause)

  return Object.fromEntries(
    [...causes]
      .sort(([a], [b]) => a - b)
      .map(([status, lines]) => [
        String(status),
        {
          description: lines.join('\n\n'),
          ...(HEADERS[status] && { headers: HEADERS[status] }),
          content: {
            'application/json': {
              schema: status === 503 ? unhealthy : problem,
              ...named(lines, examples),
            },
          },
        },
      ]),
  )
}

/** The codes that stand before the colon of each line. */
export function codesIn(lines: readonly string[]): ErrorCode[] {
  const named = lines.flatMap((line) => [...(line.split(':')[0] ?? '').matchAll(/`(\w+)`/g)])
  return named.map(([, code]) => code as ErrorCode).filter((code) => code in ERRORS)
}

function named(lines: readonly string[], examples: Json): Json {
  const codes = codesIn(lines)
  for (const code of codes) examples[code] = example(code)
  const references = codes.map((code) => [code, { $ref: `#/components/examples/${code}` }])
  return references.length > 0 ? { examples: Object.fromEntries(references) } : {}
}

function example(code: ErrorCode): Json {
  const [, message] = ERRORS[code]
  const requestId = '019a4e5c-7b1e-7000-8000-5f3c2d1b0a99'
  const details = DETAILS[code]
  return { summary: message, value: { code, message, requestId, ...(details && { details }) } }
}
