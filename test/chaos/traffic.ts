import { randomUUID } from 'node:crypto'
import { sleep } from '../../src/lib/timeout.ts'
import type { Random } from '../support/random.ts'

export interface TrafficOptions {
  urls: readonly string[]
  users: readonly string[]
  /** By user id; `admin` too. */
  tokens: ReadonlyMap<string, string>
  random: Random
}

/** After this many attempts a request is given up, which is a failure. */
const ATTEMPTS = 60

/** Random commands through random processes, each repeated with its key until it has an answer. */
export class Traffic {
  accepted = 0
  refused = 0
  repeated = 0
  /** Milliseconds of the longest single request. */
  longest = 0
  /** Wrong answers, and requests that never got an answer. */
  readonly wrong: string[] = []
  /** Of accepted commands. */
  readonly transactions: string[] = []
  readonly #options: TrafficOptions
  #stopped = false
  readonly #workers: Promise<void>[]

  constructor(options: TrafficOptions, workers: number) {
    this.#options = options
    this.#workers = Array.from({ length: workers }, () => this.#work())
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#workers)
  }

  async #work(): Promise<void> {
    while (!this.#stopped) {
      await this.#command()
      // The pace of the traffic. No condition to wait for.
      await sleep(this.#options.random.between(5, 60))
    }
  }

  async #command(): Promise<void> {
    const { random, users } = this.#options
    const userId = random.pick(users)
    const amount = random.between(1, 10_000) / 100
    switch (random.between(0, 4)) {
      case 0: {
        const description = 'chaos'
        return void (await this.#send('admin', 'POST', 'adjustment', {
          userId,
          amount,
          description,
        }))
      }
      case 1:
        return void (await this.#send(userId, 'POST', '', { type: 'booking_payment', amount }))
      case 2: {
        const toUserId = random.pick(users)
        return void (await this.#send(userId, 'POST', 'transfer', { toUserId, amount }))
      }
      default: {
        const topup = await this.#send(userId, 'POST', 'topup', { amount })
        const status = random.next() < 0.8 ? 'success' : 'failed'
        if (topup) await this.#send('admin', 'PATCH', `topup/${topup}/process`, { status })
      }
    }
  }

  /** @returns the transaction's id, of an accepted one */
  async #send(by: string, method: string, path: string, body: object): Promise<string | undefined> {
    const { random, urls, tokens } = this.#options
    const key = randomUUID()
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const start = Date.now()
      try {
        const answer = await fetch(`${random.pick(urls)}/transactions/${path}`.replace(/\/$/, ''), {
          method,
          headers: {
            authorization: `Bearer ${tokens.get(by)}`,
            'content-type': 'application/json',
            'idempotency-key': key,
          },
          body: JSON.stringify(body),
        })
        this.longest = Math.max(this.longest, Date.now() - start)
        const { id, code } = (await answer.json()) as { id?: string; code?: string }
        if (answer.ok && id) {
          this.accepted += 1
          this.transactions.push(id)
          return id
        }
        if (answer.status < 500) {
          this.refused += 1
          if (!/^(insufficient_funds|self_transfer)$/.test(code ?? ''))
            this.wrong.push(`${path} ${code}`)
          return undefined
        }
        if (answer.status !== 503) this.wrong.push(`${path} ${answer.status} ${code}`)
      } catch {
        // The process ended, perhaps in the middle: only a repeat shows whether the command took effect.
        this.longest = Math.max(this.longest, Date.now() - start)
      }
      this.repeated += 1
      // A client that repeats its command also waits.
      await sleep(250)
    }
    this.wrong.push(`${path} got no answer`)
    return undefined
  }
}
