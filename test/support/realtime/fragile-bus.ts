import type { LedgerEvent } from '../../../src/ledger/event.ts'
import type { BusListener, Link } from '../../../src/realtime/bus/bus.ts'
import { MemoryBus } from '../../../src/realtime/bus/memory-bus.ts'
import { encodeEvent } from '../../../src/realtime/stream/frame.ts'
import { silent } from './balance-server.ts'

/** A bus whose messages go where the test wants, if at all. */
export class FragileBus extends MemoryBus {
  override link: Link = { state: 'live' }
  readonly #heard = new Set<BusListener>()
  readonly #epoch: string

  constructor(epoch = 'e1') {
    super({ epoch, currency: 'USD', logger: silent })
    this.#epoch = epoch
  }

  override listen(listener: BusListener): () => void {
    this.#heard.add(listener)
    return () => this.#heard.delete(listener)
  }

  /** Brings one event to the hub, now. */
  bring(event: LedgerEvent): void {
    this.say(encodeEvent(event, this.#epoch))
  }

  say(text: string): void {
    for (const listener of this.#heard) listener.message(text)
  }

  become(state: Link['state']): void {
    this.link = { state }
    for (const listener of this.#heard) listener.link(this.link)
  }
}
