import fc from 'fast-check'
import type {
  Command,
  LimitedType,
  Operation,
  Outcome,
  SplitPart,
} from '../../../src/ledger/command.ts'
import type { Overage } from '../../../src/ledger/event.ts'
import { type Answer, Model, type ModelTransaction } from './model.ts'

export const USERS = ['ann', 'bob', 'cyd', 'dee'] as const
/** Whether an operation opens a transaction. The others are about one. */
const OPENS: Record<Operation, boolean> = {
  topup_request: true,
  payment: true,
  transfer: true,
  withdrawal_request: true,
  hold: true,
  adjustment: true,
  topup_cancel: false,
  topup_note: false,
  topup_process: false,
  withdrawal_process: false,
  adjustment_process: false,
  refund_process: false,
  hold_extend: false,
  hold_capture: false,
  hold_void: false,
  hold_expiring: false,
  hold_expire: false,
  refund: false,
}

export const OPERATIONS = Object.keys(OPENS) as Operation[]
const OPENING = OPERATIONS.filter((op) => OPENS[op])
const SETTLING = OPERATIONS.filter((op) => !OPENS[op])

/** A command as chance gives it: whom and what it means is settled when it is its turn. */
export interface Draft {
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
  /** Of a capture: more follow. Of an extension: also its time. */
  open: boolean
  overage: Overage | undefined
  /** Of a payment or a capture: to users by number, or to fees. */
  split: { to: number | string; share: boolean; n: number }[] | undefined
  role: 'service' | undefined
  key: string | undefined
  status: 'success' | 'failed' | undefined
  expiresIn: number
}

export type Step =
  | { kind: 'bulk'; drafts: Draft[]; atomic: boolean; previewed: boolean }
  | { kind: 'can afford'; user: number; type: Payable; amount: bigint }
  | { kind: 'commands'; drafts: Draft[] }
  | { kind: 'time passes'; nth: number }
  | { kind: 'limit'; user: number; type: LimitedType; maxAmount: bigint | null; maxSum: bigint }
  | { kind: 'freeze'; user: number; debits: boolean; credits: boolean }
  | { kind: 'four eyes'; amount: bigint | null }
  | { kind: 'monitor'; user: number; threshold: bigint; direction: 'below' | 'above' }

/** What a user may ask whether they can afford it, and the command that it is. */
const PAYABLE = {
  booking_payment: 'payment',
  withdrawal: 'withdrawal_request',
  hold: 'hold',
} as const satisfies Partial<Record<LimitedType, Operation>>

type Payable = keyof typeof PAYABLE

const MAX = 2n ** 53n - 1n
const usually = <T>(common: T, ...rare: T[]) =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constant(common) },
    { weight: 1, arbitrary: fc.constantFrom(...rare) },
  )

const amount = fc.oneof(
  { weight: 8, arbitrary: fc.bigInt(1n, 500n) },
  { weight: 5, arbitrary: fc.bigInt(1n, 40n) },
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
    { weight: 3, arbitrary: fc.constantFrom<Operation>('hold', 'hold_capture', 'hold_extend') },
    { weight: 2, arbitrary: fc.constant<Operation>('refund') },
    { weight: 2, arbitrary: fc.constant<Operation>('payment') },
    { weight: 1, arbitrary: fc.constantFrom<Operation>('topup_process', 'withdrawal_process') },
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
  open: fc.boolean(),
  overage: fc.constantFrom('refuse', 'balance', undefined),
  split: fc.option(
    fc.array(
      fc.record({
        to: fc.oneof(
          fc.nat(USERS.length - 1),
          fc.constant(USERS.length - 1),
          fc.constantFrom('f1', 'f2'),
        ),
        share: usually(true, false),
        n: fc.integer({ min: 1, max: 20 }),
      }),
      { maxLength: 3 },
    ),
    { nil: undefined, freq: 2 },
  ),
  role: fc.constantFrom('service', undefined),
  key: fc.oneof(
    { weight: 2, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom('k1', 'k2', 'k3') },
  ),
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
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('bulk' as const),
        drafts: fc.array(draft, { minLength: 1, maxLength: 5 }),
        atomic: fc.boolean(),
        previewed: fc.boolean(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('can afford' as const),
        user: fc.nat(USERS.length - 1),
        type: fc.constantFrom<Payable>('booking_payment', 'withdrawal', 'hold'),
        amount: fc.bigInt(1n, 600n),
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
        kind: fc.constant('freeze' as const),
        user: fc.nat(USERS.length - 1),
        debits: fc.boolean(),
        credits: usually(false, true),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('four eyes' as const),
        amount: fc.option(fc.bigInt(5n, 300n), { freq: 5 }),
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
  topup_note: (t) => t.type === 'topup',
  topup_process: (t) => t.type === 'topup',
  withdrawal_process: (t) => t.type === 'withdrawal',
  adjustment_process: (t) => t.type === 'admin_adjustment' && t.approvedBy !== null,
  refund_process: (t) => t.type === 'refund' && t.approvedBy !== null,
  hold_extend: (t) => t.type === 'hold',
  hold_capture: (t) => t.type === 'hold',
  hold_expiring: (t) => t.type === 'hold',
  hold_void: (t) => t.type === 'hold',
  hold_expire: (t) => t.type === 'hold',
  refund: (t) => t.type === 'booking_payment' || t.type === 'hold',
}

/** Two tenants with users of the same names, in the real ledger and beside it in the model. */
export class World {
  readonly model = new Model()
  readonly tenants: readonly [string, string]
  /** The operations that were accepted, and the codes of refusals. */
  readonly met = new Set<string>()

  constructor(name: string) {
    this.tenants = [name, `${name}-other`]
  }

  /** Money for all, and next to none for one: who is paid by a split has spent it soon. */
  get gifts(): Command[] {
    return USERS.map((userId, i) => ({
      ...{ op: 'adjustment', tenant: this.tenants[0], actor: 'admin', userId },
      ...{ currency: 'USD', amount: i === USERS.length - 1 ? 1n : 300n },
    }))
  }

  /** The command that a draft means now; undefined: nothing is there that it could be about. */
  command(draft: Draft): Command | undefined {
    const { op, user, to, key, status, amount } = draft
    const tenant = this.tenants[draft.foreign ? 1 : 0]
    const opens = OPENS[op]
    const target = opens ? undefined : this.#transaction(draft)
    if (!opens && !target) return undefined
    const owner = target?.userId ?? name(user)
    const decides = op === 'adjustment' || op === 'refund' || op.endsWith('_process')
    const actor = { self: owner, other: name(to), admin: 'admin', service: 'service' }[
      decides && draft.part && draft.actor === 'self' ? 'admin' : draft.actor
    ]
    const command: Command = { op, tenant, actor }
    if (target?.id !== undefined) command.transactionId = target.id
    if (opens) command.userId = owner
    else if (draft.named) command.userId = actor === owner ? owner : name(user)
    if (op === 'transfer') command.toUserId = name(to)
    if (draft.currency !== undefined && (opens || draft.wild)) command.currency = draft.currency
    const part = op === 'refund' || op === 'hold_capture' || op === 'hold_extend'
    if (amount !== undefined && (opens || (part && draft.part))) command.amount = amount
    if (status !== undefined && op.endsWith('_process')) command.status = status
    if (op === 'topup_note') command.metadata = { note: `n${to}` }
    const timed = op === 'hold' || op === 'hold_expiring' || (op === 'hold_extend' && draft.open)
    if (timed) command.expiresIn = draft.expiresIn
    if (op === 'hold' && draft.overage) command.overage = draft.overage
    if (op === 'hold_capture' && draft.open) command.final = false
    if ((op === 'payment' || op === 'hold_capture') && draft.split) {
      command.split = draft.split.map(toPart)
    }
    if (draft.actor === 'service' && draft.role) command.role = draft.role
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

  /** What the model would say, without any effect. */
  preview(commands: readonly Command[]): Answer[] {
    const undo = this.model.savepoint()
    const answers = this.answers(commands)
    undo()
    return answers
  }

  /** What the model says to a bulk of which all commands are applied, or none. */
  allOrNone(commands: readonly Command[]): Answer[] {
    const answers = this.preview(commands)
    if (answers.every(({ ok }) => ok)) return this.answers(commands)
    return answers.map((answer) =>
      answer.ok ? { ok: false, code: 'bulk_aborted', details: {}, replayed: false } : answer,
    )
  }

  /** Whether the user could pay, and what is available to them. */
  canAfford(userId: string, type: Payable, amount: bigint) {
    const [tenant] = this.tenants
    const command = { tenant, userId, actor: userId, currency: 'USD', amount, expiresIn: 60 }
    const [answer] = this.preview([{ ...command, op: PAYABLE[type] }])
    const undo = this.model.savepoint()
    const { balance, held } = this.model.account(tenant, userId, 'USD')
    undo()
    const available = balance - held
    if (!answer || answer.ok) return { available }
    if (answer.code === 'wallet_frozen') return { reason: 'frozen', available }
    if (answer.code === 'limit_exceeded') return { reason: 'limit', available }
    return { reason: balance < amount ? 'funds' : 'hold', available }
  }
}

function toPart({ to, share, n }: { to: number | string; share: boolean; n: number }): SplitPart {
  const payee = typeof to === 'number' ? { to: name(to) } : { fee: to }
  return share ? { ...payee, share: n } : { ...payee, amount: BigInt(n) }
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
  const { processedBy, previousBalance, newBalance, capturedAmount } = answer.transaction
  const { approvedBy, split, metadata } = answer.transaction
  return [
    ...[tenant, userId, type, amount, currency, status, processedBy, previousBalance, newBalance],
    ...[
      capturedAmount,
      approvedBy ?? '',
      metadata?.note ?? '',
      ...(split ?? []).map(({ amount }) => amount),
    ],
    answer.replayed ? 'again' : '',
  ].join(' ')
}
