import { createHash, randomUUID } from 'node:crypto'
import type { Sql } from '../postgres/database.ts'
import { isTransient } from '../postgres/errors.ts'

/** One caller's idempotency key. */
export interface RequestKey {
  tenant: string
  /** Whose key: the token's `sub`. */
  actor: string
  key: string
}

/** The right to act on an idempotency key, until it is answered, given up, or not renewed in time. */
export interface Claim extends RequestKey {
  /** A UUID of this claim only. */
  id: string
}

/** A request that came with an idempotency key. */
export interface KeyedRequest extends RequestKey {
  /** All that is asked for, as text that is the same for the same request. */
  asked: string
}

/** `replayed`: the first answer to the key, given again. */
export interface StoredResponse {
  answer: string
  replayed: boolean
}

export interface IdempotencyStoreOptions {
  /** Milliseconds after which a claim that was not renewed is another's to take. Default 10 s. */
  leaseMs?: number
  /** Milliseconds that a twin waits for the one that acts. Default 10 s. */
  waitTimeoutMs?: number
}

/**
 * First answers, in the same table as those of the ledger's commands: a key is used once, for whatever.
 * A key is claimed, acted on and answered, a statement each: nothing holds a connection meanwhile. A claim
 * has an id of its own, so that who lost it cannot touch that of who came after.
 */
export class IdempotencyStore {
  readonly #sql: Sql
  readonly #leaseMs: number
  readonly #waitTimeoutMs: number

  constructor(
    sql: Sql,
    { leaseMs = 10_000, waitTimeoutMs = 10_000 }: IdempotencyStoreOptions = {},
  ) {
    this.#sql = sql
    this.#leaseMs = leaseMs
    this.#waitTimeoutMs = waitTimeoutMs
  }

  async run(
    request: KeyedRequest,
    act: (claim: Claim) => Promise<string>,
  ): Promise<StoredResponse | 'reused' | 'busy'> {
    const hash = createHash('sha256').update(request.asked).digest('base64url')
    const deadline = performance.now() + this.#waitTimeoutMs
    let acted: string | undefined
    for (let pause = 10; ; pause = Math.min(pause * 2, 200)) {
      let failure: unknown
      const claim = claimOn(request)
      const found = await this.#claim(claim, hash)
      if (found?.mine) {
        try {
          // What was done under a claim that was lost meanwhile is not done again.
          const answer = await this.#answer(claim, async () => (acted ??= await act(claim)))
          if (answer !== null) return { answer, replayed: false }
        } catch (error) {
          // Rolled back: another took the key over, whose answer is to be had, or it is worth another try.
          if (!isTransient(error)) throw error
          failure = error
        }
      } else if (found && found.hash !== hash) return 'reused'
      else if (found?.answer != null) return { answer: found.answer, replayed: true }
      if (performance.now() + pause > deadline) {
        if (failure !== undefined) throw failure
        return 'busy'
      }
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }

  /** Undefined: the claim of another was given up just now. */
  async #claim({ tenant, actor, key, id }: Claim, hash: string) {
    const [found] = await this.#sql<{ mine: boolean; hash: string; answer: string | null }[]>`
      select mine, hash, answer from claim_key(
        ${tenant}, ${actor}, ${key}, ${hash}, ${id}, make_interval(secs => ${this.#leaseMs / 1000}))`
    return found
  }

  /** Null: the claim was lost meanwhile, because it was not renewed in time. */
  async #answer(claim: Claim, act: () => Promise<string>): Promise<string | null> {
    const { tenant, actor, key, id } = claim
    const sql = this.#sql
    const renewal = setInterval(() => {
      sql`select renew_key(${tenant}, ${actor}, ${key}, ${id})`.catch(() => {})
    }, this.#leaseMs / 3)
    try {
      const answer = await act()
      const [kept] = await sql<{ answer: string | null }[]>`
        select keep_answer(${tenant}, ${actor}, ${key}, ${id}, ${answer}) as answer`
      return kept?.answer ?? null
    } catch (error) {
      // If this fails too, the lease ends by itself.
      await sql`select release_key(${tenant}, ${actor}, ${key}, ${id})`.catch(() => {})
      throw error
    } finally {
      clearInterval(renewal)
    }
  }
}

function claimOn({ tenant, actor, key }: KeyedRequest): Claim {
  return { tenant, actor, key, id: randomUUID() }
}
