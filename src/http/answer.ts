import type { Context, TypedResponse } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { stringifyJson } from '../json.ts'
import type { Env } from './env.ts'

/** On every answer. Balances are private and change: nothing may store them, and nobody may frame them. */
const BASE = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
} as const

/** The headers of every answer to this request, and those given on top. */
export function headersOf(c: Context<Env>, extra: Record<string, string>): Record<string, string> {
  return { ...BASE, 'X-Request-Id': c.var.requestId, ...extra }
}

/**
 * `c.json`, for bodies with amounts in them: every digit is written. Made of a plain record of headers,
 * which Node's adapter sends as they are; what `c.header` set is not in it.
 */
export function answer<T, S extends ContentfulStatusCode = 200>(
  c: Context<Env>,
  body: T,
  status: S = 200 as S,
  extra: Record<string, string> = {},
): Response & TypedResponse<T, S, 'json'> {
  const headers = headersOf(c, { 'Content-Type': 'application/json', ...extra })
  return new Response(stringifyJson(body), { status, headers }) as Response &
    TypedResponse<T, S, 'json'>
}
