import type { Context } from 'hono'
import { routePath } from 'hono/route'
import type { Principal } from '../auth/principal.ts'
import { type Env, factory } from '../http/context.ts'
import { refusal } from '../http/errors.ts'
import { traceparentOf } from '../http/middleware/observe.ts'
import { answer } from '../http/payload.ts'
import { type AmountInput, readAmount, readSplit, type SplitInput } from '../http/schemas.ts'
import type { Command, Operation, SplitPart, Transaction } from '../ledger/command.ts'
import { DEEDS } from '../ledger/deed.ts'
import type { Executor } from '../ledger/executor.ts'
import type { Claim, IdempotencyStore } from '../ledger/idempotency-store.ts'
import type { Reader } from '../ledger/reader.ts'
import { ApiError } from '../lib/api-error.ts'
import { parseJson, sortKeys, stringifyJson } from '../lib/json.ts'
import { originOf } from './deed.ts'
import { transactionJson } from './transaction-json.ts'

/** 1 to 255 printable ASCII characters. */
export const isIdempotencyKey = (text: string): boolean => /^[\x20-\x7e]{1,255}$/.test(text)

/** Reads the `Idempotency-Key` of a POST or PATCH: 1 to 255 printable ASCII characters. */
export const idempotencyKey = factory.createMiddleware(function idempotencyKey(c, next) {
  if (c.req.method === 'POST' || c.req.method === 'PATCH') {
    const key = c.req.header('Idempotency-Key')
    if (key !== undefined && !isIdempotencyKey(key)) {
      throw new ApiError(
        400,
        'invalid_request',
        'Idempotency-Key must be 1 to 255 printable ASCII characters.',
      )
    }
    c.set('idempotencyKey', key)
  }
  return next() as Promise<undefined>
})

/** Marks an answer that repeats the first answer to its idempotency key. */
export const replayedHeader = (replayed: boolean): Record<string, string> =>
  replayed ? { 'Idempotency-Replayed': 'true' } : {}

/** Marks an answer to a command that was not carried out. */
export const dryRunHeader = (dryRun = false): Record<string, string> =>
  dryRun ? { 'Dry-Run': 'true' } : {}

export type Fields = Partial<
  Omit<Command, 'op' | 'tenant' | 'actor' | 'role' | 'origin' | 'idempotencyKey' | 'traceparent'>
>

/**
 * Runs one command of the ledger in the caller's name. Answers with the transaction.
 * @param addition more fields of the answer. Also called if the answer is a repeated one
 * @throws ApiError the ledger's refusal
 */
export async function runCommand<S extends 200 | 201>(
  c: Context<Env>,
  executor: Pick<Executor, 'execute'>,
  op: Operation,
  fields: Fields,
  status: S,
  addition?: (transaction: Transaction) => Promise<object>,
) {
  const outcome = await executor.execute(command(c, op, fields))
  const headers = {
    ...replayedHeader(outcome.replayed),
    ...dryRunHeader(fields.dryRun),
  }
  if (!outcome.ok) throw refusal(outcome.code, outcome.details, headers)
  const more = await addition?.(outcome.transaction)
  const shown = transactionJson(outcome.transaction, c.var.principal)
  return answer(c, { ...shown, ...more }, status, headers)
}

/** A command in the caller's name. */
export function command(c: Context<Env>, op: Operation, fields: Fields): Command {
  const { tenant, userId: actor, isAdmin, isService } = c.var.principal
  const { idempotencyKey } = c.var
  const traceparent = traceparentOf(c)
  return {
    ...fields,
    op,
    tenant,
    actor,
    ...(isService && !isAdmin && { role: 'service' as const }),
    ...((DEEDS as readonly string[]).includes(op) && { origin: originOf(c) }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
    ...(traceparent !== undefined && { traceparent }),
  }
}

/**
 * The part of a transaction that a request names, in minor units of the transaction's currency. Empty if the
 * request names no amount, which means the whole.
 * @param userId finds the transaction only if it is this user's
 * @throws ApiError `not_found`, `invalid_amount`
 */
export async function readPartialAmount(
  reader: Reader,
  principal: Principal,
  transactionId: string,
  amount: AmountInput | undefined,
  userId?: string,
): Promise<{ amount?: bigint }> {
  if (amount === undefined) return {}
  const whole = await reader.transaction(principal.tenant, transactionId, userId)
  if (!whole) throw refusal('not_found')
  return { amount: readAmount(amount, whole.currency) }
}

/**
 * The split of a payment, in minor units. Who pays does not choose who is paid: only a service does.
 * @param to one user, who gets all
 * @throws ApiError `forbidden`, `invalid_amount`
 */
export function splitOf(
  { isService }: Principal,
  { split, to }: { split?: SplitInput | undefined; to?: string | undefined },
  currency: string,
): { split?: SplitPart[] } {
  if (split === undefined && to === undefined) return {}
  if (!isService) throw new ApiError(403, 'forbidden', 'Only a service can split a payment.')
  return { split: split === undefined ? [{ to: to ?? '', share: 1 }] : readSplit(split, currency) }
}

/**
 * Who gets the money of a hold that is captured, in minor units of the hold's currency.
 * @throws ApiError `forbidden`, `not_found`, `invalid_amount`
 */
export async function splitOfHold(
  reader: Reader,
  principal: Principal,
  transactionId: string,
  parts: Parameters<typeof splitOf>[1],
): Promise<{ split?: SplitPart[] }> {
  // Only amounts have a currency.
  if (!parts.split?.some(({ amount }) => amount !== undefined)) return splitOf(principal, parts, '')
  const hold = await reader.transaction(principal.tenant, transactionId)
  if (!hold) throw refusal('not_found')
  return splitOf(principal, parts, hold.currency)
}

/** A refusal as it is stored. No other stored answer has a field of this name. */
type StoredRefusal = { refused: Pick<ApiError, 'status' | 'code' | 'message' | 'details'> }

/**
 * Answers a POST or PATCH that is not a command of the ledger (those use `runCommand`). With an
 * `Idempotency-Key`, the same request gets the first answer again, refusals included, and `act` is not
 * repeated.
 * @param act returns a value that JSON can represent. It gets a `claim` if the caller sent a key. A write to
 *   the database can store its answer through the claim, in the same transaction. Work that may be repeated
 *   after a crash can ignore it
 * @param toBody turns that value into the body, if it is not the body itself
 */
export async function idempotent<T, S extends 200 | 201, B = T>(
  c: Context<Env>,
  store: IdempotencyStore,
  act: (claim?: Claim) => Promise<T>,
  status: S,
  toBody: (value: T) => B = (value) => value as unknown as B,
) {
  const { idempotencyKey, principal } = c.var
  if (idempotencyKey === undefined) return answer(c, toBody(await act()), status)
  const { tenant, userId: actor } = principal
  const request = { tenant, actor, key: idempotencyKey, asked: fingerprint(c) }
  const stored = await store.run(request, (claim) => storable(() => act(claim)))
  if (stored === 'reused') throw refusal('idempotency_key_reused')
  if (stored === 'busy') throw stillRunning()
  const headers = replayedHeader(stored.replayed)
  const value = parseJson(stored.answer) as T | StoredRefusal
  if (isRefusal(value)) {
    const { status, code, message, details } = value.refused
    throw new ApiError(status, code, message, { headers, ...(details && { details }) })
  }
  return answer(c, toBody(value), status, headers)
}

/** The outcome of `act` as text. Outages and faults are not stored, so that a later try acts. */
async function storable(act: () => Promise<unknown>): Promise<string> {
  try {
    return stringifyJson(await act())
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 429 || error.status >= 500) throw error
    const { status, code, message, details } = error
    return stringifyJson({ refused: { status, code, message, details } } satisfies StoredRefusal)
  }
}

function isRefusal(value: unknown): value is StoredRefusal {
  return typeof value === 'object' && value !== null && 'refused' in value
}

const stillRunning = () =>
  new ApiError(503, 'timeout', 'The first request with this Idempotency-Key is still running.')

/** Identifies the request by its route and validated input, so that spelling does not matter. */
function fingerprint(c: Context<Env>): string {
  const valid = (target: 'param' | 'query' | 'json') => c.req.valid(target as never) as unknown
  const parts = (['param', 'query', 'json'] as const).map((target) => sortKeys(valid(target) ?? {}))
  return stringifyJson([c.req.method, routePath(c), ...parts])
}
