import type { Context } from 'hono'
import type { Env } from '../http/context.ts'
import { answer } from '../http/json-response.ts'
import { traceparentOf } from '../http/middleware/traceparent.ts'
import { refusal } from '../http/refusal.ts'
import { replayedHeader } from '../http/replayed.ts'
import type { Command, Operation } from '../ledger/command.ts'
import type { Executor } from '../ledger/executor.ts'
import { toWireTransaction } from './transaction-json.ts'

type Fields = Partial<Omit<Command, 'op' | 'tenant' | 'actor' | 'idempotencyKey' | 'traceparent'>>

/**
 * Gives the ledger one command in the caller's name, and the caller its answer: the transaction, or the
 * refusal's error. A replayed answer says so in `Idempotency-Replayed`.
 */
export async function perform<S extends 200 | 201>(
  c: Context<Env>,
  executor: Pick<Executor, 'execute'>,
  op: Operation,
  fields: Fields,
  status: S,
) {
  const outcome = await executor.execute(command(c, op, fields))
  const headers = replayedHeader(outcome.replayed)
  if (!outcome.ok) throw refusal(outcome.code, outcome.details, headers)
  return answer(c, toWireTransaction(outcome.transaction), status, headers)
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
