import type {
  Command,
  RefusalCode,
  RefusalDetails,
  TransactionStatus,
  TransactionType,
} from '../../../src/ledger/command.ts'
import type { Overage } from '../../../src/ledger/event.ts'
import type { Freeze } from '../../../src/ledger/freeze.ts'
import { CURRENCIES } from '../../../src/lib/currencies.ts'
import { divide, type ModelPart, refundOf } from './model-split.ts'

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
  /** The first of two admins. */
  approvedBy: string | null
  /** Of a refund that waits for the second: what it gives back. */
  payment: ModelTransaction | undefined
  split: ModelPart[] | undefined
  due: boolean
  /** Only of a hold. */
  capturedAmount: bigint | undefined
  overage: Overage
  exhausted: boolean
  expiring: boolean
  /** Of a topup: what a provider's payment leaves for an admin to read. */
  metadata: Record<string, unknown> | null
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
  held?: bigint
  capturedAmount?: bigint
  remaining?: bigint
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
  frozen: Freeze
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
  /** By tenant: above this amount of USD two admins must agree. */
  readonly fourEyes = new Map<string, bigint | null>()
  readonly #answers = new Map<string, { asked: string; answer: Answer }>()

  wallet(tenant: string, userId: string): Wallet {
    const name = `${tenant} ${userId}`
    const wallet = this.wallets.get(name) ?? {
      accounts: new Map(),
      events: [],
      limits: new Map(),
      monitors: [],
      frozen: { debits: false, credits: false },
    }
    this.wallets.set(name, wallet)
    return wallet
  }

  /** Returns a function that undoes everything since. */
  savepoint(): () => void {
    const wallets = structuredClone(this.wallets)
    const transactions = this.transactions.map((t) => ({ t, was: { ...t } }))
    return () => {
      this.wallets.clear()
      for (const [who, wallet] of wallets) this.wallets.set(who, wallet)
      this.transactions.length = transactions.length
      for (const { t, was } of transactions) Object.assign(t, was)
    }
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
        this.#checkFreeze(tenant, userId, 'credits')
        limited()
        return this.#record(command, 'topup', amount, 'pending', 0n, 0n)
      case 'payment': {
        this.#checkFreeze(tenant, userId, 'debits')
        debit()
        limited()
        const parts = this.#divide(command, { userId, currency, total: amount })
        const paid = this.#record(command, 'booking_payment', -amount, 'success', -amount, 0n)
        return this.#pay(paid, parts, command)
      }
      case 'transfer':
        return this.#transfer(command, debit, limited)
      case 'withdrawal_request':
        this.#checkFreeze(tenant, userId, 'debits')
        debit()
        limited()
        return this.#record(command, 'withdrawal', -amount, 'pending', 0n, amount)
      case 'hold':
        if (command.expiresIn === undefined || command.expiresIn < 1) {
          throw new Refused('invalid_command', { field: 'expiresIn' })
        }
        this.#checkFreeze(tenant, userId, 'debits')
        debit()
        limited()
        return this.#record(command, 'hold', -amount, 'pending', 0n, amount)
      case 'adjustment':
        if (command.role) this.#checkFreeze(tenant, userId, amount < 0n ? 'debits' : 'credits')
        if (this.#needsSecond(command, amount, currency)) {
          return this.#record(command, 'admin_adjustment', amount, 'pending', 0n, 0n)
        }
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
    this.#checkFreeze(tenant, userId ?? '', 'debits')
    debit()
    limited()
    if (toUserId === undefined || !this.wallets.has(`${tenant} ${toUserId}`)) {
      throw new Refused('unknown_user')
    }
    // What the receiver has room for is not the sender's to know.
    if (this.account(tenant, toUserId, currency).balance + amount > MAX) {
      throw new Refused('balance_limit_exceeded')
    }
    this.#checkFreeze(tenant, toUserId, 'credits', { userId: toUserId })
    const sent = this.#record(command, 'transfer', -amount, 'success', -amount, 0n)
    this.#record({ ...command, userId: toUserId }, 'transfer', amount, 'success', amount, 0n)
    return sent
  }

  #settle(command: Command): ModelTransaction {
    const { op, tenant, actor, userId, currency, transactionId, status } = command
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
    const processes = op.endsWith('_process')
    if (processes && status === undefined) throw new Refused('invalid_command', { field: 'status' })
    if (processes && actor === t.userId) throw new Refused('self_approval')
    if (processes && status === 'success' && actor === t.approvedBy) {
      throw new Refused('second_admin_required')
    }
    const whole = t.amount < 0n ? -t.amount : t.amount
    const byOwner = op === 'hold_capture' || op === 'hold_extend' || op === 'hold_void'
    if (byOwner && userId !== undefined && t.createdBy !== actor) throw new Refused('not_your_hold')
    switch (op) {
      case 'topup_cancel':
        return this.#finish(t, actor, 'cancelled', 0n, 0n)
      case 'topup_note':
        t.metadata = { ...t.metadata, ...command.metadata }
        return t
      case 'topup_process':
        if (status === 'failed') return this.#finish(t, actor, 'failed', 0n, 0n)
        this.#checkFreeze(tenant, t.userId, 'credits')
        if (!t.approvedBy && this.#needsSecond(command, whole, t.currency))
          return this.#approve(t, actor)
        this.#checkRoom(tenant, t.userId, t.currency, whole)
        return this.#finish(t, actor, 'success', whole, 0n)
      case 'withdrawal_process':
        if (status === 'failed') return this.#finish(t, actor, 'failed', 0n, -whole)
        this.#checkFreeze(tenant, t.userId, 'debits')
        if (!t.approvedBy && this.#needsSecond(command, whole, t.currency))
          return this.#approve(t, actor)
        return this.#finish(t, actor, 'success', -whole, -whole)
      case 'adjustment_process': {
        if (status === 'failed') return this.#finish(t, actor, 'failed', 0n, 0n)
        const takes = t.amount < 0n
        if (command.role) this.#checkFreeze(tenant, t.userId, takes ? 'debits' : 'credits')
        if (takes) this.#checkFunds({ ...command }, t.userId, t.currency, -t.amount)
        else this.#checkRoom(tenant, t.userId, t.currency, t.amount)
        return this.#finish(t, actor, 'success', t.amount, 0n)
      }
      case 'refund_process': {
        const { payment } = t
        if (status === 'failed' || !payment) return this.#finish(t, actor, 'failed', 0n, 0n)
        this.#checkFreeze(tenant, t.userId, 'credits')
        const left = -payment.amount - payment.refunded
        if (t.amount > left) {
          throw new Refused('refund_exceeds_payment', { currency: t.currency, maximum: left })
        }
        this.#checkRoom(tenant, t.userId, t.currency, t.amount)
        return this.#takeBack(payment, t.amount, command, () =>
          this.#finish(t, actor, 'success', t.amount, 0n),
        )
      }
      case 'hold_capture':
        return this.#capture(command, t)
      case 'hold_extend':
        return this.#extend(command, t)
      case 'hold_void':
        return this.#release(t, actor, 'cancelled')
      case 'hold_expiring':
        if (t.expiring || t.due || (command.expiresIn ?? 0) < 1) {
          throw new Refused('invalid_command', { field: 'transactionId' })
        }
        t.expiring = true
        this.#tellOfHold(t, 'hold_expiring')
        return t
      default:
        if (!t.due) throw new Refused('invalid_command', { field: 'transactionId' })
        return this.#release(t, actor, 'expired')
    }
  }

  #capture(command: Command, t: ModelTransaction): ModelTransaction {
    const { actor, amount, final = true } = command
    if (t.due) throw new Refused('hold_expired')
    const account = this.account(t.tenant, t.userId, t.currency)
    const captured = t.capturedAmount ?? 0n
    const left = -t.amount - captured
    const part = amount ?? left
    if (amount !== undefined && part <= 0n) throw new Refused('invalid_amount')
    const most = left + (t.overage === 'balance' ? account.balance - account.held : 0n)
    if (part > most || (part === 0n && !final)) {
      if (!t.exhausted && (captured > 0n || !final)) {
        t.exhausted = true
        this.#tellOfHold(t, 'hold_exhausted')
      }
      throw new Refused('capture_exceeds_hold', {
        currency: t.currency,
        maximum: most,
        heldAmount: -t.amount,
        capturedAmount: captured,
      })
    }
    this.#checkFreeze(t.tenant, t.userId, 'debits')
    const more = part > left ? part - left : 0n
    if (more > 0n) this.#checkHoldLimit(t, more)
    const total = captured + part
    if (command.split && !final) throw new Refused('invalid_split', { field: 'split' })
    const parts = this.#divide(command, { ...t, total })
    t.capturedAmount = total
    if (final) {
      const whole = -t.amount
      t.amount = -total
      return this.#pay(this.#finish(t, actor, 'success', t.amount, -whole), parts, command)
    }
    t.amount -= more
    this.#move(t, 0n, more)
    if (left > 0n && part >= left) {
      t.exhausted = true
      this.#tellOfHold(t, 'hold_exhausted')
    }
    return t
  }

  #extend({ amount, expiresIn }: Command, t: ModelTransaction): ModelTransaction {
    if (t.due) throw new Refused('hold_expired')
    if (amount !== undefined && (amount <= 0n || amount > MAX + t.amount)) {
      throw new Refused('invalid_amount')
    }
    if (expiresIn === undefined ? amount === undefined : expiresIn < 1) {
      throw new Refused('invalid_command', { field: 'expiresIn' })
    }
    if (amount !== undefined) {
      this.#checkFreeze(t.tenant, t.userId, 'debits')
      this.#checkFunds({ ...t, id: undefined } as never, t.userId, t.currency, amount)
      this.#checkHoldLimit(t, amount)
      t.amount -= amount
      t.exhausted = false
      this.#move(t, 0n, amount)
    }
    if (expiresIn !== undefined) t.expiring = false
    return t
  }

  /** Charges what was captured, and frees the rest. */
  #release(t: ModelTransaction, actor: string, status: TransactionStatus): ModelTransaction {
    const whole = -t.amount
    if (!t.capturedAmount) return this.#finish(t, actor, status, 0n, -whole)
    t.amount = -t.capturedAmount
    return this.#finish(t, actor, 'success', t.amount, -whole)
  }

  #checkHoldLimit(t: ModelTransaction, added: bigint): void {
    const { tenant, userId, currency } = t
    const limit = this.wallet(tenant, userId).limits.get(`hold ${currency}`)
    const room = (limit?.maxAmount ?? MAX) + t.amount
    if (added > room) {
      const maximum = room > 0n ? room : 0n
      throw new Refused('limit_exceeded', { currency, limit: 'amount', maximum })
    }
    this.#checkLimit({ op: 'hold', tenant, actor: '', userId, currency, amount: added }, 'hold')
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
    this.#checkFreeze(t.tenant, t.userId, 'credits')
    const about = { ...command, userId: t.userId, currency: t.currency }
    if (this.#needsSecond(command, part, t.currency)) {
      const waits = this.#record(about, 'refund', part, 'pending', 0n, 0n)
      const split = t.split && refundOf(t.split, part)
      return Object.assign(waits, { payment: t, split })
    }
    this.#checkRoom(t.tenant, t.userId, t.currency, part)
    return this.#takeBack(t, part, command, () =>
      this.#record(about, 'refund', part, 'success', part, 0n),
    )
  }

  #needsSecond({ tenant, role }: Command, amount: bigint, currency: string): boolean {
    const above = currency === 'USD' ? this.fourEyes.get(tenant) : undefined
    return role === undefined && above != null && (amount < 0n ? -amount : amount) > above
  }

  #approve(t: ModelTransaction, actor: string): ModelTransaction {
    t.approvedBy = actor
    return t
  }

  #checkFreeze(
    tenant: string,
    userId: string,
    side: keyof Freeze,
    details: RefusalDetails = {},
  ): void {
    if (this.wallet(tenant, userId).frozen[side]) {
      throw new Refused('wallet_frozen', { frozen: side, ...details })
    }
  }

  /** Who gets the money of a payment. Each payee must be able to take it. */
  #divide(
    { tenant, split }: Command,
    { userId, currency, total }: { userId: string; currency: string; total: bigint },
  ): ModelPart[] | undefined {
    if (split === undefined) return undefined
    const parts = divide(split, { payer: userId, total, currency }, (name) =>
      this.wallets.has(`${tenant} ${name}`),
    )
    if (isRefusal(parts)) throw new Refused(...parts)
    for (const { to, amount } of parts.filter(isPayee)) {
      this.#checkFreeze(tenant, to, 'credits', { userId: to })
      if (this.account(tenant, to, currency).balance + amount > MAX) {
        throw new Refused('balance_limit_exceeded', { userId: to })
      }
    }
    return parts
  }

  #pay(t: ModelTransaction, parts: ModelPart[] | undefined, command: Command): ModelTransaction {
    t.split = parts
    for (const { to, amount } of parts?.filter(isPayee) ?? []) this.#share(t, to, amount, command)
    return t
  }

  /** A payee's transaction: what they get, or give back. */
  #share({ currency }: ModelTransaction, to: string, amount: bigint, command: Command): void {
    const about = { ...command, userId: to, currency }
    this.#record(about, 'split', amount, 'success', amount, 0n).processedBy = null
  }

  /** Gives back a part of a payment, if each payee of a split one has their part of it. */
  #takeBack(
    payment: ModelTransaction,
    amount: bigint,
    command: Command,
    refund: () => ModelTransaction,
  ): ModelTransaction {
    const { tenant, currency, split } = payment
    const back = split && refundOf(split, amount)
    const payees = back?.filter(isPayee).filter((one) => one.amount > 0n) ?? []
    for (const { to, amount } of payees) {
      this.#checkFreeze(tenant, to, 'debits', { userId: to })
      const { balance, held } = this.account(tenant, to, currency)
      if (balance - held < amount) {
        const details = { userId: to, currency, requiredAmount: amount }
        throw new Refused('payee_insufficient_funds', details)
      }
    }
    payment.refunded += amount
    payment.split = split?.map((part, i) => ({
      ...part,
      refunded: part.refunded + (back?.[i]?.amount ?? 0n),
    }))
    const t = refund()
    t.split = back?.filter((one) => one.amount > 0n)
    for (const { to, amount } of payees) this.#share(t, to, -amount, command)
    return t
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
    { op, tenant, actor, userId = '', currency = '', overage = 'refuse' }: Command,
    type: TransactionType,
    amount: bigint,
    status: TransactionStatus,
    delta: bigint,
    held: bigint,
  ): ModelTransaction {
    const decided = op === 'refund' || op === 'adjustment'
    const t: ModelTransaction = {
      ...{ id: undefined, tenant, userId, type, amount, currency, status, createdBy: actor },
      processedBy: decided && status === 'success' ? actor : null,
      approvedBy: decided && status === 'pending' ? actor : null,
      ...{ payment: undefined, split: undefined },
      ...{ previousBalance: null, newBalance: null, refunded: 0n, due: false },
      ...{ capturedAmount: type === 'hold' ? 0n : undefined, overage, exhausted: false },
      ...{ expiring: false, metadata: null },
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
    const details = delta === 0n ? this.#detailsOf(t) : {}
    if (delta === 0n && held !== 0n) {
      this.#tell(tenant, userId, { event: 'available_changed', ...about, ...details })
    }
    if (status !== 'pending') {
      const event = status === 'success' ? 'transaction_completed' : 'transaction_failed'
      this.#tell(tenant, userId, { event, ...about, ...details })
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

  #tellOfHold(t: ModelTransaction, event: 'hold_exhausted' | 'hold_expiring'): void {
    const { tenant, userId, currency, status, amount } = t
    const newBalance = this.account(tenant, userId, currency).balance
    const about = { event, currency, newBalance, status, amount }
    this.#tell(tenant, userId, { ...about, ...this.#detailsOf(t) })
  }

  #detailsOf(t: ModelTransaction): Partial<ModelEvent> {
    if (t.type !== 'hold' && t.type !== 'withdrawal') return {}
    const { balance, held } = this.account(t.tenant, t.userId, t.currency)
    const capturedAmount = t.capturedAmount ?? 0n
    const remaining = t.status === 'pending' ? -t.amount - capturedAmount : 0n
    return {
      ...{ available: balance - held, held },
      ...(t.type === 'hold' && { capturedAmount, remaining }),
    }
  }

  /** As an admin asks for it. The same again says nothing. */
  freeze(tenant: string, userId: string, frozen: Freeze): void {
    const wallet = this.wallet(tenant, userId)
    const { debits, credits } = wallet.frozen
    if (debits === frozen.debits && credits === frozen.credits) return
    wallet.frozen = frozen
    const event = frozen.debits || frozen.credits ? 'wallet_frozen' : 'wallet_unfrozen'
    const newBalance = this.account(tenant, userId, 'USD').balance
    this.#tell(tenant, userId, { event, currency: 'USD', newBalance })
  }

  #tell(tenant: string, userId: string, event: Omit<ModelEvent, 'seq'>): void {
    const { events } = this.wallet(tenant, userId)
    events.push({ seq: events.length + 1, ...event })
  }
}

const isPayee = ({ to }: { to: string }) => !to.startsWith('fee:')

function isRefusal(parts: ReturnType<typeof divide>): parts is Exclude<typeof parts, ModelPart[]> {
  return typeof parts[0] === 'string'
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
  topup_note: 'topup',
  topup_process: 'topup',
  withdrawal_process: 'withdrawal',
  adjustment_process: 'admin_adjustment',
  refund_process: 'refund',
  hold_capture: 'hold',
  hold_extend: 'hold',
  hold_expiring: 'hold',
  hold_void: 'hold',
  hold_expire: 'hold',
}

/** A copy, but for the id, which the real ledger gives later. */
function watched(t: ModelTransaction): ModelTransaction {
  const copy = { ...t }
  Object.defineProperty(copy, 'id', { get: () => t.id, set: (id) => (t.id = id) })
  return copy
}

function textOf({ idempotencyKey: _, role: __, ...asked }: Command): string {
  return JSON.stringify(Object.entries(asked).sort(), (_, value) =>
    typeof value === 'bigint' ? `${value}n` : value,
  )
}
