import { performance } from 'node:perf_hooks'

/** How long the parts of a start took, one after the other, in milliseconds. Each name is to be used once. */
export class Laps {
  readonly took: Record<string, number> = {}
  #total = 0

  /** To be made when the code is loaded: what came before counts as Node's own start, and as `code`. */
  constructor() {
    this.#add('node', performance.nodeTiming.bootstrapComplete)
    this.end('code')
  }

  /** The part that ends now. */
  end(part: string): void {
    this.#add(part, performance.now())
  }

  #add(part: string, until: number): void {
    this.took[part] = Math.round((until - this.#total) * 10) / 10
    this.#total = until
  }
}
