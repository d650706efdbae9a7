/** Collects what was started, and ends it in reverse order. */
export class ShutdownStack {
  readonly #stack: (() => Promise<unknown>)[] = []

  add(release: () => Promise<unknown>): void {
    this.#stack.push(release)
  }

  /** Ends everything, even if a step fails. Throws the first failure at the end. */
  async run(): Promise<void> {
    const failures: unknown[] = []
    for (let release = this.#stack.pop(); release; release = this.#stack.pop()) {
      try {
        await release()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}
