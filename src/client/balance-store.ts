import type { BalanceEvent, BalanceInitial, ClientEvents } from './events.ts'
import { type BalanceSnapshot, type BalanceStatus, IDLE } from './snapshot.ts'

type Listener = (payload: never) => void

/** What a newcomer among the tabs is told: enough to go on from there. */
export type SharedState = Pick<BalanceInitial, 'balance' | 'currency' | 'id' | 'seq'> & {
  countedTo: number
  lastEvent: BalanceEvent | null
}

/**
 * What is known of one balance, from the messages of the server in whatever order and however often
 * they come: repeats are dropped by `seq`, and the balance never goes back to an older one.
 */
export class BalanceStore {
  readonly #watchers = new Set<() => void>()
  readonly #listeners = new Map<string, Set<Listener>>()
  #snapshot: BalanceSnapshot = IDLE
  /** The stream's place: the last event that was received, or that the state at the start counts in. */
  #id: string | undefined
  #seq = -1
  /** The seq up to which the balance counts every event: ahead of `#seq` during a replay. */
  #countedTo = -1

  getSnapshot = (): BalanceSnapshot => this.#snapshot

  /** To resume from; undefined before the first connection. */
  get lastEventId(): string | undefined {
    return this.#id
  }

  subscribe = (watcher: () => void): (() => void) => {
    // Each subscription is one of its own, also of a function that subscribed before.
    const own = () => watcher()
    this.#watchers.add(own)
    return () => this.#watchers.delete(own)
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
    const own: Listener = (payload) => listener(payload)
    listeners.add(own)
    return () => listeners.delete(own)
  }

  /** Takes one message of the server. What it does not know changes nothing. */
  receive(event: string, data: Record<string, unknown>): void {
    if (event === 'balance_initial') this.#begin(data as unknown as BalanceInitial)
    else if (event === 'error' || event === 'token_expiring') this.#emit(event, data)
    else if (event === 'balance_current') this.refreshed(data as never)
    else if (typeof data.seq === 'number') this.#advance({ ...data, event } as BalanceEvent)
  }

  /** A balance that was read beside the stream: it changes nothing if it is older than what is known. */
  refreshed({
    balance,
    currency,
    seq,
  }: Pick<BalanceInitial, 'balance' | 'currency' | 'seq'>): void {
    if (seq < this.#countedTo) return
    this.#countedTo = seq
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

  /** For a tab that joins; undefined before the first connection. */
  share(): SharedState | undefined {
    const { balance, currency, lastEvent } = this.#snapshot
    if (this.#id === undefined || balance === null || currency === null) return undefined
    const { countedTo, seq, id } = { countedTo: this.#countedTo, seq: this.#seq, id: this.#id }
    return { balance, currency, id, seq, countedTo, lastEvent }
  }

  /** Goes on from another tab's state, if that is ahead. */
  adopt({ countedTo, lastEvent, ...state }: SharedState): void {
    const known = this.#id
    if (known !== undefined && epochOf(known) === epochOf(state.id) && state.seq <= this.#seq) {
      return
    }
    this.#begin({ ...state, ...(known !== undefined && { recovered: false }) }, countedTo)
    this.#set({ lastEvent })
  }

  #begin(initial: BalanceInitial, countedTo?: number): void {
    const { balance, currency, id, seq, recovered, replay = 0 } = initial
    const counted = countedTo ?? seq + replay
    const resumed =
      recovered === true && this.#id !== undefined && epochOf(id) === epochOf(this.#id)
    if (!resumed || seq > this.#seq) {
      this.#id = id
      this.#seq = seq
    }
    if (!resumed || counted >= this.#countedTo) {
      this.#countedTo = counted
      this.#set({ balance, currency, seq: counted })
    }
    this.#emit('balance_initial', initial)
  }

  #advance(event: BalanceEvent): void {
    if (event.seq <= this.#seq) return
    this.#seq = event.seq
    this.#id = event.id
    const { currency } = this.#snapshot
    const counts = event.seq > this.#countedTo
    if (counts) this.#countedTo = event.seq
    this.#set({
      ...(counts && { seq: event.seq }),
      // The stream has the events of every currency.
      ...(counts &&
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
    for (const watcher of [...this.#watchers]) guarded(watcher)
  }

  #emit(name: string, payload: object): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      guarded(() => listener(payload as never))
    }
  }
}

/** A listener's mistake is its own: it must not cost the others their events. */
function guarded(call: () => void): void {
  try {
    call()
  } catch (error) {
    console.error(error)
  }
}

function epochOf(id: string): string {
  return id.slice(0, id.lastIndexOf(':'))
}
