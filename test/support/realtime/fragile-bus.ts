import type { LedgerEvent } from '../../../src/ledger/event.ts'
import type { BusListener, Link } from '../../../src/realtime/bus/bus.ts'
import { MemoryBus } from '../../../src/realtime/bus/memory-bus.ts'
import { encodeEvent } from '../../../src/realtime/bus/message.ts'
import { silent } from './balance-server.ts'

/** A bus that delivers only the messages that a test brings, and that a test can make fail. */
export class FragileBus extends MemoryBus {
  override link: Link = { state: 'live' }
  override reachable = true
  /** Publishing rejects while it is true. */
  fails = false
  /** Publishing does not end while it is true. */
  hangs = false
  /** How often publishing was tried. */
  attempts = 0
  readonly published: LedgerEvent[] = []
  readonly #listeners = new Set<BusListener>()
  readonly #epoch: string

  constructor(epoch = 'e1') {
    super({ epoch, currency: 'USD', logger: silent })
    this.#epoch = epoch
  }

  override async publish(events: readonly LedgerEvent[], late = false): Promise<void> {
    this.attempts += 1
    if (this.hangs) await new Promise(() => {})
    if (this.fails) throw new Error('redis is unavailable')
    await super.publish(events, late)
    this.published.push(...events)
  }

  override listen(listener: BusListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Delivers one event to the listeners now. */
  bring(event: LedgerEvent): void {
    this.bringText(encodeEvent(event, this.#epoch))
  }

  /** Delivers any text as a message. */
  bringText(text: string): void {
    for (const listener of this.#listeners) listener.message(text)
  }

  /** Delivers any text as what admins are told. */
  announceText(text: string): void {
    for (const listener of this.#listeners) listener.announced?.(text)
  }

  /** Changes the state of the connection, and reports it to the listeners. */
  become(state: Link['state']): void {
    this.link = { state }
    for (const listener of this.#listeners) listener.link(this.link)
  }
}
