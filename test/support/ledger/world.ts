import fc from 'fast-check'
import type { Command, LimitedType, Operation, Outcome } from '../../../src/ledger/command.ts'
import { type Answer, Model, type ModelTransaction } from './model.ts'

export const USERS = ['ann', 'bob', 'cyd', 'dee'] as const
const OPENING: Operation[] = [
  'topup_request',
  'payment',
  'transfer',
  'withdrawal_request',
  'hold',
  'adjustment',
]
const SETTLING: Operation[] = [
  'topup_cancel',
  'topup_process',
  'withdrawal_process',
  'hold_capture',
  'hold_void',
  'hold_expire',
  'refund',
]

/** A command as chance gives it: whom and what it means is settled when it is its turn. */
interface Draft {
  op: Operation
  foreign: boolean
  user: number
  to: number
  actor: 'self' | 'admin' | 'service' | 'other'
  currency: string | undefined
  amount: bigint | undefined
  /** Counted back from the newest transaction that fits; `wild`: from any at all. */
  nth: number
  wild: boolean
  named: boolean
  /** Asks for a part, where it may ask for the whole. */
  part: boolean
  key: string | undefined
  status: 'success' | 'failed' | undefined
  expiresIn: number
}

export type Step =
  | { kind: 'commands'; drafts: Draft[] }
  | { kind: 'time passes'; nth: number }
  | { kind: 'limit'; user: number; type: LimitedType; maxAmount: bigint | null; maxSum: bigint }
  | { kind: 'monitor'; user: number; threshold: bigint; direction: 'below' | 'above' }

const MAX = 2n ** 53n - 1n
const usually = <T>(common: T, ...rare: T[]) =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constant(common) },
    { weight: 1, arbitrary: fc.constantFrom(...rare) },
  )

const amount = fc.oneof(
  { weight: 12, arbitrary: fc.bigInt(1n, 500n) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0n, -1n, MAX, MAX - 100n, MAX + 1n, -MAX - 1n, 2n ** 70n),
  },
)

const draft: fc.Arbitrary<Draft> = fc.record({
  op: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...OPENING) },
    { weight: 2, arbitrary: fc.constant<Operation>('adjustment') },
    { weight: 3, arbitrary: fc.constantFrom(...SETTLING) },
    // Rare by themselves: a hold that can be paid, and then a capture of too much, or too late.
    { weight: 2, arbitrary: fc.constantFrom<Operation>('hold', 'hold_capture') },
  ),
  foreign: usually(false, true),
  user: fc.nat(USERS.length - 1),
  to: fc.nat(USERS.length - 1),
  actor: fc.constantFrom('self', 'self', 'admin', 'service', 'other'),
  currency: usually<string | undefined>('USD', 'USD', 'JPY', 'KWD', 'XXX', undefined),
  amount: fc.oneof(
    { weight: 10, arbitrary: amount },
    { weight: 1, arbitrary: fc.constant(undefined) },
  ),
  nth: fc.nat(5),
  wild: usually(false, true),
  named: fc.boolean(),
  part: fc.boolean(),
  key: fc.option(fc.constantFrom('k1', 'k2', 'k3'), { nil: undefined, freq: 3 }),
  status: usually<'success' | 'failed' | undefined>('success', 'failed', undefined),
  expiresIn: usually(3_600, 0, -5),
})

/** What happens in one small world, in order: batches of commands above all. */
export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        kind: fc.constant('commands' as const),
        drafts: fc.array(draft, { minLength: 1, maxLength: 12 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('time passes' as const), nth: fc.nat(3) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('limit' as const),
        user: fc.nat(USERS.length - 1),
        type: fc.constantFrom<LimitedType>('booking_payment', 'transfer', 'withdrawal', 'hold'),
        maxAmount: fc.option(fc.bigInt(1n, 400n)),
        maxSum: fc.bigInt(1n, 800n),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('monitor' as const),
        user: fc.nat(USERS.length - 1),
        threshold: fc.bigInt(0n, 500n),
        direction: fc.constantFrom('below' as const, 'above' as const),
      }),
    },
  ),
  { minLength: 1, maxLength: 12 },
)

const FITS: Partial<Record<Operation, (t: ModelTransaction) => boolean>> = {
  topup_cancel: (t) => t.type === 'topup',
  topup_process: (t) => t.type === 'topup',
  withdrawal_process: (t) => t.type === 'withdrawal',
  hold_capture: (t) => t.type === 'hold',
  hold_void: (t) => t.type === 'hold',
  hold_expire: (t) => t.type === 'hold',
  refund: (t) => t.type === 'booking_payment' || t.type === 'hold',
}

/** Two tenants with users of the same names, in the real ledger and beside it in the model. */
export class World {
  readonly model = new Model()
  readonly tenants: readonly [string, string]

  constructor(name: string) {
    this.tenants = [name, `${name}-other`]
  }

  /** The command that a draft means now; undefined: nothing is there that it could be about. */
  command(draft: Draft): Command | undefined {
    const { op, user, to, key, status, amount } = draft
    const tenant = this.tenants[draft.foreign ? 1 : 0]
    const opens = OPENING.includes(op)
    const target = opens ? undefined : this.#transaction(draft)
    if (!opens && !target) return undefined
    const owner = target?.userId ?? name(user)
    const actor = { self: owner, other: name(to), admin: 'admin', service: 'service' }[draft.actor]
    const command: Command = { op, tenant, actor }
    if (target?.id !== undefined) command.transactionId = target.id
    if (opens) command.userId = owner
    else if (draft.named) command.userId = actor === owner ? owner : name(user)
    if (op === 'transfer') command.toUserId = name(to)
    if (draft.currency !== undefined && (opens || draft.wild)) command.currency = draft.currency
    const part = op === 'refund' || op === 'hold_capture'
    if (amount !== undefined && (opens || (part && draft.part))) command.amount = amount
    if (status !== undefined && op.endsWith('_process')) command.status = status
    if (op === 'hold') command.expiresIn = draft.expiresIn
    if (key !== undefined) command.idempotencyKey = key
    return command
  }

  #transaction({ op, nth, wild }: Draft): ModelTransaction | undefined {
    const known = this.model.transactions.filter((t) => t.id !== undefined).reverse()
    const fitting = wild ? known : known.filter(FITS[op] ?? (() => true))
    return fitting[nth % Math.max(fitting.length, 1)]
  }

  /** The pending hold that is `nth` from the newest. */
  hold(nth: number): ModelTransaction | undefined {
    const holds = this.model.transactions.filter((t) => t.type === 'hold' && t.status === 'pending')
    return holds.reverse()[nth % Math.max(holds.length, 1)]
  }

  /** What the model says to a batch. */
  answers(commands: readonly Command[]): Answer[] {
    this.model.meet(commands)
    return commands.map((command) => this.model.apply(command))
  }
}

export function name(user: number): string {
  return USERS[user] ?? USERS[0]
}

/** An answer, of the ledger or of the model, as text to compare by. */
export function told(answer: Answer | Outcome): string {
  if (!answer.ok) {
    const details = Object.entries(answer.details).sort(([a], [b]) => (a < b ? -1 : 1))
    return `${answer.code} ${details.join(' ')}${answer.replayed ? ' again' : ''}`
  }
  const { tenant, userId, type, amount, currency, status } = answer.transaction
  const { processedBy, previousBalance, newBalance } = answer.transaction
  return [
    ...[tenant, userId, type, amount, currency, status, processedBy, previousBalance, newBalance],
    answer.replayed ? 'again' : '',
  ].join(' ')
}
