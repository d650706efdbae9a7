import type {
  Command,
  RefusalCode,
  RefusalDetails,
  TransactionStatus,
  TransactionType,
} from '../../../src/ledger/command.ts'
import { CURRENCIES } from '../../../src/lib/currencies.ts'

const MAX = 2n ** 53n - 1n

export interface Account {
  balance: bigint
  held: bigint
}

export interface ModelTransaction {
  /** Given by the real ledger. */
  id: string | undefined
  tenant: string
  userId: string
  type: TransactionType
  amount: bigint
  currency: string
  status: TransactionStatus
  createdBy: string
  processedBy: string | null
  previousBalance: bigint | null
  newBalance: bigint | null
  refunded: bigint
  due: boolean
}

export interface ModelEvent {
  seq: number
  event: string
  currency: string
  newBalance: bigint
  status?: string
  amount?: bigint
  requiredAmount?: bigint
  available?: bigint
  threshold?: bigint
}

export type Answer =
  | { ok: true; transaction: ModelTransaction; replayed: boolean }
  | { ok: false; code: RefusalCode; details: RefusalDetails; replayed: boolean }

export interface ModelLimit {
  maxAmount: bigint | null
  maxSum: bigint | null
}

export interface ModelMonitor {
  currency: string
  threshold: bigint
  direction: 'below' | 'above'
}

interface Wallet {
  accounts: Map<string, Account>
  events: ModelEvent[]
  limits: Map<string, ModelLimit>
  monitors: ModelMonitor[]
}

class Refused extends Error {
  readonly code: RefusalCode
  readonly details: RefusalDetails
  constructor(code: RefusalCode, details: RefusalDetails = {}) {
    super(code)
    this.code = code
    this.details = details
  }
}

/** The ledger as one would write it with nothing but maps: no SQL, no batches, no concurrency. */
export class Model {
  readonly wallets = new Map<string, Wallet>()
  readonly transactions: ModelTransaction[] = []
  readonly #answers = new Map<string, { asked: string; answer: Answer }>()

  wallet(tenant: string, userId: string): Wallet {
    const name = `${tenant} ${userId}`
    const wallet = this.wallets.get(name) ?? {
      accounts: new Map(),
      events: [],
      limits: new Map(),
      monitors: [],
    }
    this.wallets.set(name, wallet)
    return wallet
  }

  /** A user becomes known by a command of their own, or by an adjustment that gives: all of a batch's at once. */
  meet(commands: readonly Command[]): void {
    for (const { op, tenant, actor, userId, transactionId, amount = 0n, currency } of commands) {
      if (userId === undefined || transactionId !== undefined) continue
      const gift = amount > 0n && amount <= MAX && CURRENCIES.has(currency ?? '')
      const opens = op === 'adjustment' ? userId !== actor && gift : userId === actor
      if (opens) this.wallet(tenant, userId)
    }
  }

  apply(command: Command): Answer {
    const { tenant, actor, idempotencyKey } = command
    if (idempotencyKey === undefined) return this.#answer(command)
    const name = `${tenant} ${actor} ${idempotencyKey}`
    const asked = textOf(command)
    const known = this.#answers.get(name)
    if (known && known.asked !== asked) {
      return { ok: false, code: 'idempotency_key_reused', details: {}, replayed: false }
    }
    if (known) return { ...known.answer, replayed: true }
    const answer = this.#answer(command)
    this.#answers.set(name, { asked, answer })
    return answer
  }

  #answer(command: Command): Answer {
    try {
      const transaction =
        command.transactionId === undefined ? this.#open(command) : this.#settle(command)
      // As it is now: later changes are not part of this answer.
      return { ok: true, transaction: watched(transaction), replayed: false }
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      return { ok: false, code: error.code, details: error.details, replayed: false }
    }
  }

  #open(command: Command): ModelTransaction {
    const { op, tenant, actor, userId, currency, amount } = command
    if (op === 'adjustment' && actor === userId) throw new Refused('self_approval')
    if (userId === undefined || currency === undefined) throw new Refused('invalid_command')
    if (!CURRENCIES.has(currency)) throw new Refused('unknown_currency')
    if (!this.wallets.has(`${tenant} ${userId}`)) throw new Refused('unknown_user')
    if (amount === undefined || amount === 0n || amount > MAX || amount < -MAX) {
      throw new Refused('invalid_amount')
    }
    if (amount < 0n && op !== 'adjustment') throw new Refused('invalid_amount')
    const limited = () => this.#checkLimit(command, TYPES[op] as TransactionType)
    const debit = () => this.#checkFunds(command, userId, currency, amount)
    switch (op) {
      case 'topup_request':
        limited()
        return this.#record(command, 'topup', amount, 'pending', 0n, 0n)
      case 'payment':
        debit()
        limited()
        return this.#record(command, 'booking_payment', -amount, 'success', -amount, 0n)
      case 'transfer':
        return this.#transfer(command, debit, limited)
      case 'withdrawal_request':
        debit()
        limited()
        return this.#record(command, 'withdrawal', -amount, 'pending', 0n, amount)
      case 'hold':
        if (command.expiresIn === undefined || command.expiresIn < 1) {
          throw new Refused('invalid_command', { field: 'expiresIn' })
        }
        debit()
        limited()
        return this.#record(command, 'hold', -amount, 'pending', 0n, amount)
      case 'adjustment':
        if (amount < 0n) this.#checkFunds(command, userId, currency, -amount)
        else this.#checkRoom(tenant, userId, currency, amount)
        return this.#record(command, 'admin_adjustment', amount, 'success', amount, 0n)
      default:
        throw new Refused('invalid_command', { field: 'op' })
    }
  }

  #transfer(command: Command, debit: () => void, limited: () => void): ModelTransaction {
    const { tenant, userId, toUserId, currency = '', amount = 0n } = command
    if (toUserId === userId) throw new Refused('self_transfer')
    debit()
    limited()
    if (toUserId === undefined || !this.wallets.has(`${tenant} ${toUserId}`)) {
      throw new Refused('unknown_user')
    }
    // What the receiver has room for is not the sender's to know.
    if (this.account(tenant, toUserId, currency).balance + amount > MAX) {
      throw new Refused('balance_limit_exceeded')
    }
    const sent = this.#record(command, 'transfer', -amount, 'success', -amount, 0n)
    this.#record({ ...command, userId: toUserId }, 'transfer', amount, 'success', amount, 0n)
    return sent
  }

  #settle(command: Command): ModelTransaction {
    const { op, tenant, actor, userId, currency, amount, transactionId, status } = command
    const t = this.transactions.find((one) => one.id === transactionId)
    if (!t || t.tenant !== tenant || (userId !== undefined && t.userId !== userId)) {
      throw new Refused('not_found')
    }
    if (currency !== undefined && currency !== t.currency) {
      throw new Refused('currency_mismatch', { currency: t.currency })
    }
    if (op === 'refund') return this.#refund(command, t)
    const type = SETTLES[op]
    if (type === undefined) throw new Refused('invalid_command', { field: 'op' })
    if (t.type !== type) throw new Refused('wrong_type', { type: t.type })
    if (t.status !== 'pending') throw new Refused('already_processed', { status: t.status })
    const processes = op === 'topup_process' || op === 'withdrawal_process'
    if (processes && status === undefined) throw new Refused('invalid_command', { field: 'status' })
    if (processes && actor === t.userId) throw new Refused('self_approval')
    const whole = t.amount < 0n ? -t.amount : t.amount
    const ends = op === 'hold_capture' || op === 'hold_void'
    if (ends && userId !== undefined && t.createdBy !== actor) throw new Refused('not_your_hold')
    switch (op) {
      case 'topup_cancel':
        return this.#finish(t, actor, 'cancelled', 0n, 0n)
      case 'topup_process':
        if (status === 'failed') return this.#finish(t, actor, 'failed', 0n, 0n)
        this.#checkRoom(tenant, t.userId, t.currency, whole)
        return this.#finish(t, actor, 'success', whole, 0n)
      case 'withdrawal_process':
        if (status === 'failed') return this.#finish(t, actor, 'failed', 0n, -whole)
        return this.#finish(t, actor, 'success', -whole, -whole)
      case 'hold_capture': {
        if (t.due) throw new Refused('hold_expired')
        const part = amount ?? whole
        if (part <= 0n) throw new Refused('invalid_amount')
        if (part > whole) {
          throw new Refused('capture_exceeds_hold', { currency: t.currency, maximum: whole })
        }
        t.amount = -part
        return this.#finish(t, actor, 'success', -part, -whole)
      }
      case 'hold_void':
        return this.#finish(t, actor, 'cancelled', 0n, -whole)
      default:
        if (!t.due) throw new Refused('invalid_command', { field: 'transactionId' })
        return this.#finish(t, actor, 'expired', 0n, -whole)
    }
  }

  #refund(command: Command, t: ModelTransaction): ModelTransaction {
    if (t.type !== 'booking_payment' && t.type !== 'hold') {
      throw new Refused('wrong_type', { type: t.type })
    }
    if (t.status !== 'success') throw new Refused('not_refundable', { status: t.status })
    if (command.actor === t.userId) throw new Refused('self_approval')
    const left = -t.amount - t.refunded
    const part = command.amount ?? left
    if (command.amount !== undefined && part <= 0n) throw new Refused('invalid_amount')
    if (part > left || left === 0n) {
      throw new Refused('refund_exceeds_payment', { currency: t.currency, maximum: left })
    }
    this.#checkRoom(t.tenant, t.userId, t.currency, part)
    t.refunded += part
    const about = { ...command, userId: t.userId, currency: t.currency }
    return this.#record(about, 'refund', part, 'success', part, 0n)
  }

  account(tenant: string, userId: string, currency: string): Account {
    const { accounts } = this.wallet(tenant, userId)
    const account = accounts.get(currency) ?? { balance: 0n, held: 0n }
    accounts.set(currency, account)
    return account
  }

  #checkFunds(command: Command, userId: string, currency: string, amount: bigint): void {
    const { balance, held } = this.account(command.tenant, userId, currency)
    const available = balance - held
    if (available >= amount) return
    const figures = { requiredAmount: amount, available }
    this.#tell(command.tenant, userId, {
      event: 'balance_insufficient',
      currency,
      newBalance: balance,
      ...figures,
    })
    throw new Refused('insufficient_funds', {
      currency,
      currentBalance: balance,
      shortfall: amount - available,
      ...figures,
    })
  }

  #checkRoom(tenant: string, userId: string, currency: string, amount: bigint): void {
    const { balance } = this.account(tenant, userId, currency)
    if (balance + amount <= MAX) return
    throw new Refused('balance_limit_exceeded', { currency, maximum: MAX - balance })
  }

  /** Every window of the tests is longer than they take: all that was spent counts. */
  #checkLimit(command: Command, type: TransactionType): void {
    const { tenant, userId = '', currency = '', amount = 0n } = command
    const limit = this.wallet(tenant, userId).limits.get(`${type} ${currency}`)
    if (!limit) return
    if (limit.maxAmount !== null && amount > limit.maxAmount) {
      throw new Refused('limit_exceeded', { currency, limit: 'amount', maximum: limit.maxAmount })
    }
    if (limit.maxSum === null) return
    const used = this.transactions
      .filter((t) => t.tenant === tenant && t.userId === userId && t.type === type)
      .filter((t) => t.currency === currency && ['pending', 'success'].includes(t.status))
      .filter((t) => t.amount < 0n === (type !== 'topup'))
      .reduce((sum, t) => sum + (t.amount < 0n ? -t.amount : t.amount), 0n)
    if (used + amount <= limit.maxSum) return
    const maximum = limit.maxSum > used ? limit.maxSum - used : 0n
    throw new Refused('limit_exceeded', { currency, limit: 'sum', maximum, windowSeconds: 3600 })
  }

  #record(
    { op, tenant, actor, userId = '', currency = '' }: Command,
    type: TransactionType,
    amount: bigint,
    status: TransactionStatus,
    delta: bigint,
    held: bigint,
  ): ModelTransaction {
    const t: ModelTransaction = {
      ...{ id: undefined, tenant, userId, type, amount, currency, status, createdBy: actor },
      processedBy: op === 'refund' || op === 'adjustment' ? actor : null,
      ...{ previousBalance: null, newBalance: null, refunded: 0n, due: false },
    }
    this.transactions.push(t)
    this.#move(t, delta, held)
    return t
  }

  #finish(
    t: ModelTransaction,
    actor: string,
    status: TransactionStatus,
    delta: bigint,
    held: bigint,
  ): ModelTransaction {
    t.status = status
    t.processedBy = actor
    this.#move(t, delta, held)
    return t
  }

  #move(t: ModelTransaction, delta: bigint, held: bigint): void {
    const { tenant, userId, currency, status, amount } = t
    const account = this.account(tenant, userId, currency)
    const previous = account.balance
    account.balance += delta
    account.held += held
    const about = { currency, newBalance: account.balance, status, amount }
    if (delta !== 0n) {
      t.previousBalance = previous
      t.newBalance = account.balance
      this.#tell(tenant, userId, { event: 'balance_updated', ...about })
    }
    if (status !== 'pending') {
      const event = status === 'success' ? 'transaction_completed' : 'transaction_failed'
      this.#tell(tenant, userId, { event, ...about })
    }
    if (delta === 0n) return
    for (const { threshold, direction } of this.wallet(tenant, userId).monitors.filter(
      (monitor) => monitor.currency === currency,
    )) {
      const crossed =
        direction === 'below'
          ? previous >= threshold && account.balance < threshold
          : previous <= threshold && account.balance > threshold
      if (crossed) this.#tell(tenant, userId, { event: 'balance_alert', ...about, threshold })
    }
  }

  #tell(tenant: string, userId: string, event: Omit<ModelEvent, 'seq'>): void {
    const { events } = this.wallet(tenant, userId)
    events.push({ seq: events.length + 1, ...event })
  }
}

const TYPES: Record<string, TransactionType> = {
  topup_request: 'topup',
  payment: 'booking_payment',
  transfer: 'transfer',
  withdrawal_request: 'withdrawal',
  hold: 'hold',
}

const SETTLES: Record<string, TransactionType> = {
  topup_cancel: 'topup',
  topup_process: 'topup',
  withdrawal_process: 'withdrawal',
  hold_capture: 'hold',
  hold_void: 'hold',
  hold_expire: 'hold',
}

/** A copy, but for the id, which the real ledger gives later. */
function watched(t: ModelTransaction): ModelTransaction {
  const copy = { ...t }
  Object.defineProperty(copy, 'id', { get: () => t.id, set: (id) => (t.id = id) })
  return copy
}

function textOf({ idempotencyKey: _, ...asked }: Command): string {
  return JSON.stringify(Object.entries(asked).sort(), (_, value) =>
    typeof value === 'bigint' ? `${value}n` : value,
  )
}
