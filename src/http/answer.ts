import type { Context, TypedResponse } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { stringifyJson } from '../json.ts'

/** `c.json`, for bodies with amounts in them: every digit is written. */
export function answer<T, S extends ContentfulStatusCode = 200>(
  c: Context,
  body: T,
  status: S = 200 as S,
): Response & TypedResponse<T, S, 'json'> {
  return c.body(stringifyJson(body), status, {
    'Content-Type': 'application/json',
  }) as unknown as Response & TypedResponse<T, S, 'json'>
}
