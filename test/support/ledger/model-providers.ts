import type {
  DebtStatus,
  PaymentEvent,
  ProviderOutcome,
  TakeBackRules,
} from '../../../src/ledger/provider-event.ts'

interface ModelTopup {
  amount: bigint
  status: 'pending' | 'success' | 'failed'
}

interface Payment {
  topup: ModelTopup
  credited: boolean
  waits: boolean
  refunded: bigint
}

interface Received {
  event: PaymentEvent
  outcome: ProviderOutcome
  /** What a refund or a dispute took from the wallet. */
  taken: bigint
  debt: ModelDebt | undefined
}

interface ModelDebt {
  amount: bigint
  collected: bigint
  status: DebtStatus
}

const ENDS = ['dispute_won', 'dispute_lost']

/** What providers' events do to one user with topups in USD, as one would write it with nothing but maps. */
export class ProviderModel {
  balance = 0n
  held = 0n
  readonly topups = new Map<string, ModelTopup>()
  readonly #received = new Map<string, Received>()
  readonly #payments = new Map<string, Payment>()
  readonly #rules: TakeBackRules

  constructor(rules: TakeBackRules) {
    this.#rules = rules
  }

  get available(): bigint {
    return this.balance - this.held
  }

  /** In the order of their events. */
  get debts(): ModelDebt[] {
    return [...this.#received.values()].flatMap(({ debt }) => debt ?? [])
  }

  get outcomes(): [eventId: string, ProviderOutcome][] {
    return [...this.#received].map(([id, { outcome }]) => [id, outcome])
  }

  spend(amount: bigint): boolean {
    if (amount > this.available) return false
    this.balance -= amount
    return true
  }

  record(event: PaymentEvent): ProviderOutcome {
    const known = this.#received.get(event.eventId)
    if (known) return known.outcome
    const received: Received = { event, outcome: 'parked', taken: 0n, debt: undefined }
    const parked = this.#of(event).filter(({ outcome }) => outcome === 'parked')
    this.#received.set(event.eventId, received)
    received.outcome = this.#apply(received)
    const isEnd = ({ event }: Received) => ENDS.includes(event.kind)
    for (const one of [...parked.filter((p) => !isEnd(p)), ...parked.filter(isEnd)]) {
      one.outcome = this.#apply(one)
    }
    return received.outcome
  }

  /** Undefined: the debt is not open. */
  settleDebt(debt: ModelDebt, action: 'collect' | 'write_off'): DebtStatus | undefined {
    if (debt.status !== 'open') return undefined
    if (action === 'write_off') {
      debt.status = 'written_off'
    } else {
      const taken = least(debt.amount - debt.collected, this.available)
      this.balance -= taken
      debt.collected += taken
      if (debt.collected === debt.amount) debt.status = 'collected'
    }
    return debt.status
  }

  #of({ paymentId }: PaymentEvent): Received[] {
    return [...this.#received.values()].filter(({ event }) => event.paymentId === paymentId)
  }

  #apply(received: Received): ProviderOutcome {
    const { event } = received
    const topup = this.topups.get(event.topup?.id ?? '')
    const payment = this.#payments.get(event.paymentId) ?? {
      ...{ topup, credited: false, waits: false, refunded: 0n },
    }
    if (!isKnown(payment)) return 'parked'
    this.#payments.set(event.paymentId, payment)
    if (event.kind === 'succeeded') return this.#succeed(event, payment)
    if (event.kind === 'failed') {
      if (payment.topup.status !== 'pending') return 'ignored'
      payment.topup.status = 'failed'
      return 'applied'
    }
    if (event.kind === 'attempt_failed') return 'ignored'
    if (!payment.credited) {
      const reported = this.#of(event).some(({ event }) => event.kind === 'succeeded')
      return payment.topup.status === 'pending' && !reported ? 'parked' : 'waiting'
    }
    if (event.kind === 'refund_failed') {
      const { amount = 0n, currency } = event
      if (currency === 'USD') payment.refunded -= least(payment.refunded, amount)
      return 'waiting'
    }
    return ENDS.includes(event.kind) ? this.#close(event) : this.#takeBack(received, payment)
  }

  #succeed({ amount, currency }: PaymentEvent, payment: Payment): ProviderOutcome {
    if (payment.credited || payment.waits) return 'ignored'
    const { topup } = payment
    if (topup.status !== 'pending' || currency !== 'USD' || amount !== topup.amount) {
      payment.waits = true
      return 'waiting'
    }
    topup.status = 'success'
    payment.credited = true
    this.balance += topup.amount
    return 'applied'
  }

  #takeBack(received: Received, payment: Payment): ProviderOutcome {
    const { kind, isTotal, amount = 0n, currency } = received.event
    const opened = this.#disputes(received.event).filter((one) => one !== received)
    if (opened.some(({ outcome }) => outcome !== 'parked' && outcome !== 'ignored')) {
      return 'ignored'
    }
    if (currency !== 'USD') return 'waiting'
    const due = amount - (isTotal ? payment.refunded : 0n)
    if (due <= 0n) {
      const cameBack = this.#of(received.event).some(({ event }) => event.kind === 'refund_failed')
      return isTotal && cameBack ? 'waiting' : 'ignored'
    }
    if (kind === 'refunded') {
      if (payment.refunded + due > payment.topup.amount) return 'waiting'
      payment.refunded += due
    }
    received.taken = least(due, this.available)
    if (this.#rules[kind === 'refunded' ? 'refunds' : 'disputes'] === 'hold') {
      this.held += received.taken
    } else {
      this.balance -= received.taken
    }
    if (received.taken < due) {
      received.debt = { amount: due - received.taken, collected: 0n, status: 'open' }
    }
    return 'applied'
  }

  /** The openings of the dispute that an event is about. */
  #disputes({ disputeId }: PaymentEvent): Received[] {
    return [...this.#received.values()].filter(
      ({ event }) => event.kind === 'disputed' && event.disputeId === disputeId,
    )
  }

  #close(event: PaymentEvent): ProviderOutcome {
    const openings = this.#disputes(event)
    if (openings.length === 0) return 'parked'
    const opening = openings.find(({ outcome }) => outcome === 'applied')
    if (!opening) return 'waiting'
    const ended = [...this.#received.values()].some(
      (one) =>
        ENDS.includes(one.event.kind) &&
        one.event.disputeId === event.disputeId &&
        one.outcome === 'applied',
    )
    if (ended) return 'ignored'
    const isHeld = this.#rules.disputes === 'hold'
    if (isHeld) this.held -= opening.taken
    if (event.kind === 'dispute_won') {
      // Whoever wins owes nothing: also what was collected of the debt is theirs again.
      this.balance += (isHeld ? 0n : opening.taken) + (opening.debt?.collected ?? 0n)
      if (opening.debt && opening.debt.status !== 'written_off') opening.debt.status = 'cancelled'
    } else if (isHeld) {
      this.balance -= opening.taken
    }
    return 'applied'
  }
}

const least = (a: bigint, b: bigint) => (a < b ? a : b)

function isKnown(payment: Omit<Payment, 'topup'> & { topup: unknown }): payment is Payment {
  return payment.topup !== undefined
}
