import type {
  BalanceEvent,
  BalanceInitial,
  BalanceSnapshot,
  BalanceStatus,
  ClientEvents,
} from './types.ts'

/** The snapshot before a connection was requested. */
export const IDLE: BalanceSnapshot = {
  balance: null,
  currency: null,
  seq: null,
  status: { state: 'idle', transport: null, fallback: false, role: 'alone' },
  lastEvent: null,
  error: null,
}

type Listener = (payload: never) => void

/** The state that a new tab receives from the leader. */
export type SharedState = Pick<BalanceInitial, 'balance' | 'currency' | 'id' | 'seq'> & {
  includedSeq: number
  lastEvent: BalanceEvent | null
}

/**
 * The known state of one balance. It accepts the server's messages in any order and any number of times:
 * repeats are dropped by `seq`, and an older balance never replaces a newer one.
 */
export class BalanceStore {
  readonly #watchers = new Set<() => void>()
  readonly #listeners = new Map<string, Set<Listener>>()
  #snapshot: BalanceSnapshot = IDLE
  /** The position in the stream: the last received event, or the last one that the initial state includes. */
  #id: string | undefined
  #seq = -1
  /** The seq of the last event that the balance includes. It is ahead of `#seq` during a replay. */
  #includedSeq = -1

  getSnapshot = (): BalanceSnapshot => this.#snapshot

  /** Where the stream resumes. Undefined before the first connection. */
  get lastEventId(): string | undefined {
    return this.#id
  }

  subscribe = (watcher: () => void): (() => void) => {
    // A function that subscribes twice is called twice.
    const subscription = () => watcher()
    this.#watchers.add(subscription)
    return () => this.#watchers.delete(subscription)
  }

  on<Name extends keyof ClientEvents>(
    name: Name,
    listener: (payload: ClientEvents[Name]) => void,
  ): () => void {
    let listeners = this.#listeners.get(name)
    if (!listeners) {
      listeners = new Set()
      this.#listeners.set(name, listeners)
    }
    const subscription: Listener = (payload) => listener(payload)
    listeners.add(subscription)
    return () => listeners.delete(subscription)
  }

  /** Applies one message of the server. Unknown messages without a `seq` change nothing. */
  receive(event: string, data: Record<string, unknown>): void {
    if (event === 'balance_initial') this.#begin(data as unknown as BalanceInitial)
    else if (event === 'error' || event === 'token_expiring') this.#emit(event, data)
    else if (event === 'balance_current') this.refresh(data as never)
    else if (typeof data.seq === 'number') this.#advance({ ...data, event } as BalanceEvent)
  }

  /** Applies a balance that was read outside of the stream, unless it is older than the known one. */
  refresh({ balance, currency, seq }: Pick<BalanceInitial, 'balance' | 'currency' | 'seq'>): void {
    if (seq < this.#includedSeq) return
    this.#includedSeq = seq
    this.#set({ balance, currency, seq })
  }

  setStatus(
    status: Partial<BalanceStatus>,
    rest: Pick<Partial<BalanceSnapshot>, 'error'> = {},
  ): void {
    const before = this.#snapshot.status
    const same = Object.entries(status).every(
      ([name, value]) => before[name as keyof BalanceStatus] === value,
    )
    this.#set({ status: same ? before : { ...before, ...status }, ...rest })
  }

  /** The state for a new tab. Undefined before the first connection. */
  share(): SharedState | undefined {
    const { balance, currency, lastEvent } = this.#snapshot
    if (this.#id === undefined || balance === null || currency === null) return undefined
    const [id, seq, includedSeq] = [this.#id, this.#seq, this.#includedSeq]
    return { balance, currency, id, seq, includedSeq, lastEvent }
  }

  /** Continues from another tab's state, if that is ahead. */
  adopt({ includedSeq, lastEvent, ...state }: SharedState): void {
    const known = this.#id
    if (known !== undefined && epochOf(known) === epochOf(state.id) && state.seq <= this.#seq) {
      return
    }
    this.#begin({ ...state, ...(known !== undefined && { recovered: false }) }, includedSeq)
    this.#set({ lastEvent })
  }

  #begin(initial: BalanceInitial, includedSeq?: number): void {
    const { balance, currency, id, seq, recovered, replay = 0 } = initial
    const included = includedSeq ?? seq + replay
    const resumed =
      recovered === true && this.#id !== undefined && epochOf(id) === epochOf(this.#id)
    if (!resumed || seq > this.#seq) {
      this.#id = id
      this.#seq = seq
    }
    if (!resumed || included >= this.#includedSeq) {
      this.#includedSeq = included
      this.#set({ balance, currency, seq: included })
    }
    this.#emit('balance_initial', initial)
  }

  #advance(event: BalanceEvent): void {
    if (event.seq <= this.#seq) return
    // With a maximum rate, a frame before a merged one has the `id` of an earlier event.
    this.#seq = seqOf(event.id)
    this.#id = event.id
    const { currency } = this.#snapshot
    const isNewer = event.seq > this.#includedSeq
    if (isNewer) this.#includedSeq = event.seq
    this.#set({
      ...(isNewer && { seq: event.seq }),
      // The stream carries the events of every currency.
      ...(isNewer &&
        event.event === 'balance_updated' &&
        event.currency === currency && { balance: event.newBalance }),
      lastEvent: event,
    })
    const { event: name, ...payload } = event
    this.#emit(name, payload)
    this.#emit('*', event)
  }

  #set(changes: Partial<BalanceSnapshot>): void {
    const next = { ...this.#snapshot, ...changes }
    const changed = (Object.keys(changes) as (keyof BalanceSnapshot)[]).some(
      (name) => next[name] !== this.#snapshot[name],
    )
    if (!changed) return
    this.#snapshot = next
    for (const watcher of [...this.#watchers]) logErrors(watcher)
  }

  #emit(name: string, payload: object): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      logErrors(() => listener(payload as never))
    }
  }
}

/** A listener that throws must not keep the others from their events. */
function logErrors(call: () => void): void {
  try {
    call()
  } catch (error) {
    console.error(error)
  }
}

function seqOf(id: string): number {
  return Number(id.slice(id.lastIndexOf(':') + 1))
}

function epochOf(id: string): string {
  return id.slice(0, id.lastIndexOf(':'))
}
