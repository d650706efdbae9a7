import type { Context, TypedResponse } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { toWire } from '../ledger/money.ts'
import { stringifyJson } from '../lib/json.ts'
import type { Env } from './context.ts'

const JSON_TYPE = { 'Content-Type': 'application/json' } as const

/**
 * Like `c.json`, but writes every digit of an amount. The response gets its headers as a plain record,
 * because Node's adapter sends that without a conversion. Headers set by `c.header` are not included.
 */
export function answer<T, S extends ContentfulStatusCode = 200>(
  c: Context<Env>,
  body: T,
  status: S = 200 as S,
  extra: Record<string, string> = {},
): Response & TypedResponse<T, S, 'json'> {
  // A request has one answer, so its record of headers can be changed in place.
  const headers = Object.assign(c.get('headers'), JSON_TYPE, extra)
  return new Response(stringifyJson(body), { status, headers }) as Response &
    TypedResponse<T, S, 'json'>
}

/** Marks an answer that repeats the first answer to its idempotency key. */
export const replayedHeader = (replayed: boolean): Record<string, string> =>
  replayed ? { 'Idempotency-Replayed': 'true' } : {}

/**
 * Minor units as a JSON number of major units. The type is the number that clients read. A long amount is
 * an `ExactNumber` at run time, so send it with `answer`.
 */
export function amountJson(minor: bigint, currency: string): number {
  return toWire(minor, currency) as number
}
