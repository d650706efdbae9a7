import type { Context } from 'hono'
import type { Principal } from '../auth/principal.ts'
import type { Env } from '../http/context.ts'
import { refusal } from '../http/errors.ts'
import { answer, replayedHeader } from '../http/json-response.ts'
import { traceparentOf } from '../http/middleware/observe.ts'
import { type AmountInput, readAmount } from '../http/schemas.ts'
import type { Command, Operation } from '../ledger/command.ts'
import type { Executor } from '../ledger/executor.ts'
import type { Reader } from '../ledger/reader.ts'
import { transactionJson } from './transaction-json.ts'

type Fields = Partial<Omit<Command, 'op' | 'tenant' | 'actor' | 'idempotencyKey' | 'traceparent'>>

/**
 * Runs one command of the ledger in the caller's name. Answers with the transaction.
 * @throws ApiError the ledger's refusal
 */
export async function runCommand<S extends 200 | 201>(
  c: Context<Env>,
  executor: Pick<Executor, 'execute'>,
  op: Operation,
  fields: Fields,
  status: S,
) {
  const outcome = await executor.execute(command(c, op, fields))
  const headers = replayedHeader(outcome.replayed)
  if (!outcome.ok) throw refusal(outcome.code, outcome.details, headers)
  return answer(c, transactionJson(outcome.transaction), status, headers)
}

function command(c: Context<Env>, op: Operation, fields: Fields): Command {
  const { tenant, userId: actor } = c.var.principal
  const { idempotencyKey } = c.var
  const traceparent = traceparentOf(c)
  return {
    ...fields,
    op,
    tenant,
    actor,
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
