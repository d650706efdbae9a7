import type { Logger } from 'pino'
import type { BusListener, Link } from './bus.ts'

/** Who hears the bus. What a listener throws stays here: inside ioredis it would end the process. */
export class Listeners implements BusListener {
  readonly #listeners = new Set<BusListener>()
  readonly #logger: Logger

  constructor(logger: Logger) {
    this.#logger = logger
  }

  add(listener: BusListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  message(text: string): void {
    this.#each((listener) => listener.message(text))
  }

  revoked(): void {
    this.#each((listener) => listener.revoked?.())
  }

  link(link: Link): void {
    this.#each((listener) => listener.link(link))
  }

  #each(tell: (listener: BusListener) => void): void {
    for (const listener of this.#listeners) {
      try {
        tell(listener)
      } catch (error) {
        this.#logger.error({ err: error }, 'a listener of the bus threw')
      }
    }
  }
}
