import { eventually } from '../eventually.ts'
import { connectBy, type TestClient, type Transport } from '../realtime/clients.ts'

/** A client that connects again whenever its connection ends, and resumes from its last event. */
export class Follower {
  /** Numbers of all its events, in order of arrival. */
  readonly seqs: number[] = []
  connections = 0
  readonly #connect: (lastEventId: string | undefined) => TestClient
  #current: TestClient | undefined
  #stopped = false
  #lastEventId: string | undefined

  constructor(url: string, token: string, transport: Transport) {
    this.#connect = (lastEventId) =>
      connectBy[transport](url, token, lastEventId === undefined ? {} : { lastEventId })
    void this.#live()
  }

  /** Resolves with its first state. */
  async begun(): Promise<void> {
    await eventually(() => {
      if (!this.#current?.received.length) throw new Error('no state yet')
    })
  }

  /** Everything that arrived until now. */
  get all(): number[] {
    return [...this.seqs, ...(this.#current?.seqs() ?? [])]
  }

  stop(): void {
    this.#stopped = true
    this.#current?.close()
  }

  async #live(): Promise<void> {
    while (!this.#stopped) {
      const client = this.#connect(this.#lastEventId)
      this.#current = client
      this.connections += 1
      await client.failure
      client.close()
      this.#current = undefined
      this.seqs.push(...client.seqs())
      this.#lastEventId =
        client.received.findLast(({ data }) => data?.id)?.data.id ?? this.#lastEventId
    }
  }
}
