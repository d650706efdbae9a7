import type { Context } from 'hono'
import { routePath } from 'hono/route'
import type { Env } from '../http/context.ts'
import { answer } from '../http/json-response.ts'
import { refusal } from '../http/refusal.ts'
import { replayedHeader } from '../http/replayed.ts'
import type { Claim, IdempotencyStore } from '../ledger/idempotency-store.ts'
import { ApiError } from '../lib/api-error.ts'
import { parseJson, stringifyJson } from '../lib/json.ts'

/** A refusal as it is kept; no other answer has a field of this name. */
type Refused = { refused: Pick<ApiError, 'status' | 'code' | 'message' | 'details'> }

/**
 * Answers a POST or PATCH that is no command of the ledger (those go through `perform`) as its
 * `Idempotency-Key` asks: the same key and request gets the first answer again, a refusal too, and nothing
 * is done twice. Every such route answers through it.
 * @param act does what was asked and returns what JSON can hold. `claim` is there when the caller sent a key:
 *   what commits something can keep its answer in the same transaction; what does no harm when a process
 *   dies and it is done again need not look at it
 * @param toBody makes the body of what `act` returned, when it is not the body itself
 */
export async function once<T, S extends 200 | 201, B = T>(
  c: Context<Env>,
  idempotency: IdempotencyStore,
  act: (claim?: Claim) => Promise<T>,
  status: S,
  toBody: (done: T) => B = (done) => done as unknown as B,
) {
  const { idempotencyKey, principal } = c.var
  if (idempotencyKey === undefined) return answer(c, toBody(await act()), status)
  const { tenant, userId: actor } = principal
  const request = { tenant, actor, key: idempotencyKey, asked: asked(c) }
  const kept = await idempotency.run(request, (claim) => attempt(() => act(claim)))
  if (kept === 'reused') throw refusal('idempotency_key_reused')
  if (kept === 'busy') throw stillActing()
  const headers = replayedHeader(kept.replayed)
  const done = parseJson(kept.answer) as T | Refused
  if (isRefused(done)) {
    const { status, code, message, details } = done.refused
    throw new ApiError(status, code, message, { headers, ...(details && { details }) })
  }
  return answer(c, toBody(done), status, headers)
}

/** An outage or a bug is no answer: it is thrown on, and a later try acts. */
async function attempt(act: () => Promise<unknown>): Promise<string> {
  try {
    return stringifyJson(await act())
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 429 || error.status >= 500) throw error
    const { status, code, message, details } = error
    return stringifyJson({ refused: { status, code, message, details } } satisfies Refused)
  }
}

function isRefused(done: unknown): done is Refused {
  return typeof done === 'object' && done !== null && 'refused' in done
}

const stillActing = () =>
  new ApiError(503, 'timeout', 'The first request with this Idempotency-Key is still at it.')

/** The route and what its validators made of the request: not how it was written. */
function asked(c: Context<Env>): string {
  const valid = (target: 'param' | 'query' | 'json') => c.req.valid(target as never) as unknown
  const parts = (['param', 'query', 'json'] as const).map((target) => sorted(valid(target) ?? {}))
  return stringifyJson([c.req.method, routePath(c), ...parts])
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object' || 'isLosslessNumber' in value) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([name, inner]) => [name, sorted(inner)]))
}
