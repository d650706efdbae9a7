import { sleep } from '../../src/lib/timeout.ts'
import type { Random } from '../support/random.ts'
import {
  connectBy,
  type Received,
  type TestClient,
  TRANSPORTS,
  type Transport,
} from '../support/realtime/balance-server.ts'

/** Events with their own number in the user's stream. */
const STREAM = /^(balance_updated|balance_insufficient|transaction_completed|transaction_failed)$/

/**
 * One client for the whole run: whenever its connection ends it opens another, on any transport, to any
 * process, and resumes. Keeps account of what it was promised.
 */
export class ChaosClient {
  readonly userId: string
  delivered = 0
  lost = 0
  doubled = 0
  /** How often it had to start from the state. */
  restarted = 0
  connections = 0
  balance: number | undefined
  seq = 0
  #epoch = ''
  #known = false
  #current: TestClient | undefined
  #absorbed = 0
  #stopped = false
  readonly #token: string
  readonly #urls: readonly string[]
  readonly #random: Random
  readonly #done: Promise<void>

  constructor(userId: string, token: string, urls: readonly string[], random: Random) {
    this.userId = userId
    this.#token = token
    this.#urls = urls
    this.#random = random
    this.#done = this.#live()
  }

  /** Loses its connection, from the client's side. */
  disconnect(): void {
    this.#current?.close()
    this.#leave?.()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.disconnect()
    await this.#done
  }

  /** Processes the events since the last call. */
  absorb(): void {
    const received = this.#current?.received ?? []
    for (; this.#absorbed < received.length; this.#absorbed++) {
      const message = received[this.#absorbed]
      if (message) this.#take(message)
    }
  }

  #leave: (() => void) | undefined

  async #live(): Promise<void> {
    let transport: Transport | undefined
    let url: string | undefined
    while (!this.#stopped) {
      // Events missed on one transport and process are resumed on another of both.
      transport = this.#random.pick(TRANSPORTS.filter((other) => other !== transport))
      url = this.#random.pick(this.#urls.filter((other) => other !== url))
      const connect = connectBy[transport]
      const resume = this.#known ? { lastEventId: `${this.#epoch}:${this.seq}` } : {}
      const left = new Promise<void>((resolve) => {
        this.#leave = resolve
      })
      this.#current = connect(url, this.#token, resume)
      this.#absorbed = 0
      this.connections += 1
      await Promise.race([this.#current.failure, left])
      this.#current.close()
      this.absorb()
      this.#current = undefined
      // Clients reconnect after random times. No condition to wait for.
      await sleep(this.#random.between(20, 300))
    }
  }

  #take({ event, data }: Received): void {
    if (event === 'balance_initial') {
      this.balance = data.balance
      this.#epoch = data.id.slice(0, data.id.lastIndexOf(':'))
      if (this.#known && data.recovered === false) this.restarted += 1
      // Resumed from another position than requested, without notice.
      else if (this.#known && data.seq !== this.seq) this.lost += 1
      this.seq = data.seq
      this.#known = true
    } else if (STREAM.test(event)) {
      this.delivered += 1
      if (data.seq <= this.seq) this.doubled += 1
      else this.lost += data.seq - this.seq - 1
      this.seq = Math.max(this.seq, data.seq)
      if (event === 'balance_updated') this.balance = data.newBalance
    }
  }
}
