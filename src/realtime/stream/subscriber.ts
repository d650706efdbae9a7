import type { ErrorCode } from '../../lib/api-error.ts'
import type { Frame } from './frame.ts'

/** What `balance_initial` says beside the balance. */
export type JoinNote = { recovered?: boolean; conflated?: boolean }

export const LOST: JoinNote = { recovered: false }

/** Why the server ends a connection. */
export interface CloseReason {
  code: ErrorCode
  message: string
  /** True: the client is told by an `error` event first, since connecting again as before will not help. */
  final: boolean
}

export const SLOW: CloseReason = {
  code: 'slow_consumer',
  message: 'The client did not read what it was sent.',
  final: false,
}

/** A transport's end of one connection, as the hub sees it. */
export interface Sink {
  /** Hands one frame over, in order. Never throws; nothing happens once the connection is closed. */
  write(frame: Frame): void
  /** Bytes handed over that the network did not take yet. */
  queuedBytes(): number
  /** Ends the connection. Whoever made the sink tells the hub, by `unsubscribe`, once it is closed. */
  close(reason: CloseReason): void
}

/**
 * `joining`: its state and history are being read. `live`: gets events as they happen. `lagging`: its
 * queue is full, so it gets nothing until it is read. `gone`: closed.
 */
export type SubscriberState = 'joining' | 'live' | 'lagging' | 'gone'

/** One connection's place in its user's stream. */
export class Subscriber {
  readonly sink: Sink
  readonly currency: string
  state: SubscriberState = 'joining'
  /** The seq of the last event it was given, or that the state it was given counts in. */
  position = 0
  #begun = false
  #waiting: (() => void)[] | undefined

  constructor(sink: Sink, currency: string) {
    this.sink = sink
    this.currency = currency
  }

  get isGone(): boolean {
    return this.state === 'gone'
  }

  /** Whether it was told its state, which comes before everything else. */
  get hasBegun(): boolean {
    return this.#begun
  }

  /** Resolves once it has begun; never for one that goes before. */
  begun(): Promise<void> {
    if (this.#begun) return Promise.resolve()
    this.#waiting ??= []
    const waiting = this.#waiting
    return new Promise((resolve) => waiting.push(resolve))
  }

  /** It was told its state. */
  begin(): void {
    this.#begun = true
    for (const resolve of this.#waiting ?? []) resolve()
    this.#waiting = undefined
  }
}
