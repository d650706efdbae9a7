import { createHash } from 'node:crypto'
import type { Context } from 'hono'
import * as z from 'zod'
import type { Principal } from '../auth/principal.ts'
import { type Env, factory } from '../http/context.ts'
import { refusal } from '../http/errors.ts'
import { requireWallet, subject } from '../http/middleware/authorize.ts'
import { answer, json } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import { type Command, hashOf, type Operation, type Outcome } from '../ledger/command.ts'
import type { Reader } from '../ledger/reader.ts'
import { ApiError } from '../lib/api-error.ts'
import type { RouteDeps } from './deps.ts'
import { expiresIn, extension, final, isExtension, overage } from './hold.ts'
import { transactionJson } from './transaction-json.ts'
import {
  command,
  dryRunHeader,
  type Fields,
  readPartialAmount,
  replayedHeader,
  splitOf,
  splitOfHold,
} from './writes.ts'

const MAX_COMMANDS = 1_000
/** Room for as many commands, each with all of its metadata. Reading so much stops the process for a moment. */
const MAX_BODY_BYTES = 5 * 1024 * 1024
const MAX_BODY_BYTES_OF_USERS = 1024 * 1024

/** No key of a caller has this character, so the key of a command is never that of another request. */
const SEPARATOR = '\u001f'

/** `POST /transactions/bulk`: many commands in one request, each by itself, or all or none. */
export function bulkRoutes({
  currency,
  guards,
  executor,
  reader,
}: Pick<RouteDeps, 'currency' | 'guards' | 'executor' | 'reader'>) {
  return factory.createApp().post(
    '/bulk',
    guards.requireCaller,
    json(
      z.strictObject({
        commands: z
          .array(commandSchema(currency))
          .min(1)
          .max(MAX_COMMANDS)
          .meta({ description: 'They are applied in this order.' }),
        atomic: z.boolean().default(false).meta({
          description:
            'Apply all or none: if one is refused, the others are refused with `bulk_aborted`.',
        }),
        dryRun: field.ofCommand.dryRun,
      }),
      ({ var: { principal } }) =>
        principal.isService || principal.isAdmin ? MAX_BODY_BYTES : MAX_BODY_BYTES_OF_USERS,
    ),
    async (c) => {
      const { commands, atomic, dryRun } = c.req.valid('json')
      guards.charge(c, commands.length - 1)
      const asked = await Promise.all(commands.map((one, i) => toCommand(c, reader, one, i)))
      const mode = dryRun ? 'preview' : atomic ? 'all or none' : 'each'
      const outcomes = await executor.executeAll(keyed(asked, mode), mode)
      if (outcomes.some((one) => !one.ok && one.code === 'idempotency_key_reused')) {
        throw refusal('idempotency_key_reused')
      }
      return answer(
        c,
        { results: outcomes.map((outcome) => resultJson(outcome, c.var.principal)) },
        200,
        {
          ...replayedHeader(outcomes.every(({ replayed }) => replayed)),
          ...dryRunHeader(dryRun),
        },
      )
    },
  )
}

function commandSchema(currency: string) {
  const { dryRun: _, ...ofCommand } = field.ofCommand
  const { dryRun: __, ...money } = field.money(currency)
  const { dryRun: ___, ...decision } = field.decision.shape
  const transactionId = field.transactionId
  const part = { transactionId, amount: field.amount.exactOptional(), ...ofCommand }
  const description = field.text(field.MAX_DESCRIPTION).exactOptional()
  const spends = { ...money, ...field.reference, userId: field.onBehalfOf('a service') }
  return z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('booking_payment'), ...spends, split: field.split }),
    z.strictObject({ type: z.literal('hold'), ...spends, expiresIn, overage }),
    z
      .strictObject({ type: z.literal('hold_extend'), transactionId, ...extension, ...ofCommand })
      .refine(...isExtension),
    z
      .strictObject({ type: z.literal('hold_capture'), ...part, final, ...field.captured })
      .refine(...field.isCaptured),
    z.strictObject({ type: z.literal('hold_void'), transactionId, ...ofCommand }),
    z.strictObject({ type: z.literal('transfer'), toUserId: field.userId, ...money }),
    z.strictObject({ type: z.literal('topup'), ...money }),
    z.strictObject({ type: z.literal('withdrawal'), ...money }),
    z.strictObject({ type: z.literal('refund'), ...part, description }),
    z.strictObject({
      ...{ type: z.literal('admin_adjustment'), userId: field.userId, ...money },
      description: field.reason,
    }),
    z.strictObject({ type: z.literal('topup_cancel'), transactionId, ...ofCommand }),
    z.strictObject({ type: z.literal('topup_process'), transactionId, ...decision }),
    z.strictObject({ type: z.literal('withdrawal_process'), transactionId, ...decision }),
    z.strictObject({ type: z.literal('adjustment_process'), transactionId, ...decision }),
    z.strictObject({ type: z.literal('refund_process'), transactionId, ...decision }),
  ])
}

type Asked = z.infer<ReturnType<typeof commandSchema>>

const OPERATIONS: Readonly<Record<Asked['type'], Operation>> = {
  booking_payment: 'payment',
  hold: 'hold',
  hold_extend: 'hold_extend',
  hold_capture: 'hold_capture',
  hold_void: 'hold_void',
  transfer: 'transfer',
  topup: 'topup_request',
  withdrawal: 'withdrawal_request',
  refund: 'refund',
  admin_adjustment: 'adjustment',
  topup_cancel: 'topup_cancel',
  topup_process: 'topup_process',
  withdrawal_process: 'withdrawal_process',
  adjustment_process: 'adjustment_process',
  refund_process: 'refund_process',
}

/**
 * The command as the route of its own would make it.
 * @throws ApiError that names the place of the command
 */
async function toCommand(
  c: Context<Env>,
  reader: Reader,
  asked: Asked,
  place: number,
): Promise<Command> {
  try {
    return command(c, OPERATIONS[asked.type], await fieldsOf(c.var.principal, reader, asked))
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    const { status, code, message, details } = error
    throw new ApiError(status, code, `commands.${place}: ${message}`, {
      details: { ...details, command: place },
      cause: error,
    })
  }
}

async function fieldsOf(principal: Principal, reader: Reader, asked: Asked): Promise<Fields> {
  const { userId, isAdmin, isService } = principal
  switch (asked.type) {
    case 'booking_payment': {
      const { split, ...payment } = asked
      const payer = subject(principal, asked.userId, isService).userId
      const amount = field.readAmount(asked.amount, asked.currency)
      const parts = splitOf(principal, { split }, asked.currency)
      return { ...payment, userId: payer, amount, ...parts }
    }
    case 'hold': {
      const payer = subject(principal, asked.userId, isService).userId
      return { ...asked, userId: payer, amount: field.readAmount(asked.amount, asked.currency) }
    }
    case 'transfer':
    case 'topup':
    case 'withdrawal':
      requireWallet(principal)
      return { ...asked, userId, amount: field.readAmount(asked.amount, asked.currency) }
    case 'admin_adjustment': {
      requireRole(isAdmin, 'admin')
      const amount = field.readAmount(asked.amount, asked.currency, { signed: true })
      return { ...asked, amount }
    }
    case 'topup_cancel':
      return { ...asked, userId }
    case 'topup_process':
      requireRole(isAdmin || isService, 'admin or service')
      return asked
    case 'withdrawal_process':
    case 'adjustment_process':
    case 'refund_process':
      requireRole(isAdmin, 'admin')
      return asked
    case 'hold_void':
      requireWallet(principal)
      return { ...asked, ...(!isService && { userId }) }
    case 'refund':
      requireRole(isAdmin || isService, 'admin or service')
      return partOf(asked)
    case 'hold_capture': {
      requireWallet(principal)
      const { to, split, ...capture } = asked
      const parts = await splitOfHold(reader, principal, asked.transactionId, { to, split })
      return { ...(await partOf(capture, userId)), ...(!isService && { userId }), ...parts }
    }
    case 'hold_extend':
      requireWallet(principal)
      return { ...(await partOf(asked, userId)), ...(!isService && { userId }) }
  }

  /** @param owner finds the transaction of nobody else, unless the caller is a service */
  async function partOf({ amount, ...fields }: Part, owner?: string): Promise<Fields> {
    const only = isService ? undefined : owner
    const { transactionId } = fields
    const part = await readPartialAmount(reader, principal, transactionId, amount, only)
    return { ...fields, ...part }
  }
}

type Part = Omit<
  Extract<Asked, { type: 'refund' | 'hold_capture' | 'hold_extend' }>,
  'to' | 'split'
>

function requireRole(has: boolean, role: string): void {
  if (!has) throw new ApiError(403, 'forbidden', `This command requires the role ${role}.`)
}

/**
 * The commands, each with an idempotency key made from that of the request, which the first one gets as it is. So a key
 * is bound to the whole bulk: another command, another order, another mode, or a request of another kind is refused.
 */
function keyed(commands: readonly Command[], mode: string): Command[] {
  if (commands[0]?.idempotencyKey === undefined) return [...commands]
  const bulk = createHash('sha256')
    .update([mode, ...commands.map(hashOf)].join())
    .digest('base64url')
  return commands.map((one, i) => ({
    ...one,
    idempotencyKey: i === 0 ? `${one.idempotencyKey}` : `${one.idempotencyKey}${SEPARATOR}${i}`,
    bulk,
  }))
}

function resultJson(outcome: Outcome, viewer: Principal) {
  if (outcome.ok) return { transaction: transactionJson(outcome.transaction, viewer) }
  const { code, message, details } = refusal(outcome.code, outcome.details)
  return { code, message, ...(details && { details }) }
}
