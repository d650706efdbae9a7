import type { Context, TypedResponse } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { stringifyJson } from '../lib/json.ts'
import type { Env } from './context.ts'

const JSON_TYPE = { 'Content-Type': 'application/json' } as const

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
  // The request's own record, and this its one answer.
  const headers = Object.assign(c.get('headers'), JSON_TYPE, extra)
  return new Response(stringifyJson(body), { status, headers }) as Response &
    TypedResponse<T, S, 'json'>
}
