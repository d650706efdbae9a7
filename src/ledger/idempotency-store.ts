import { createHash, randomUUID } from 'node:crypto'
import { sleep } from '../lib/timeout.ts'
import type { Sql } from '../postgres/database.ts'
import { isTransient } from '../postgres/errors.ts'

/** One caller's idempotency key. */
export interface RequestKey {
  tenant: string
  /** Whose key: the token's `sub`. */
  actor: string
  key: string
}

/** The right to act on an idempotency key, until it has an answer, is released, or is not renewed in time. */
export interface Claim extends RequestKey {
  /** A UUID of this claim only. */
  id: string
}

/** A request that came with an idempotency key. */
export interface KeyedRequest extends RequestKey {
  /** The whole request as text. The same request has the same text. */
  asked: string
}

/** `replayed`: the first answer to the key, given again. */
export interface StoredResponse {
  answer: string
  replayed: boolean
}

export interface IdempotencyStoreOptions {
  /** After this time without a renewal another request may take the claim. Default 10 s. */
  leaseMs?: number
  /** How long a request waits for another one with the same key. Default 10 s. */
  waitTimeoutMs?: number
}

/**
 * Stores the first answer to each idempotency key, in the same table as the ledger's commands. Claiming a key and
 * storing its answer are separate statements, so no connection is held while the request runs. Each claim has an id.
 * So a request that lost its claim cannot affect the next one.
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
          // `act` runs once, even if its claim was lost meanwhile and is made again.
          const answer = await this.#answer(claim, async () => (acted ??= await act(claim)))
          if (answer !== null) return { answer, replayed: false }
        } catch (error) {
          // Rolled back: either another request took the key, and its answer is found next, or a retry may succeed.
          if (!isTransient(error)) throw error
          failure = error
        }
      } else if (found && found.hash !== hash) return 'reused'
      else if (found?.answer != null) return { answer: found.answer, replayed: true }
      if (performance.now() + pause > deadline) {
        if (failure !== undefined) throw failure
        return 'busy'
      }
      await sleep(pause)
    }
  }

  /** Undefined: another request has just released its claim. */
  async #claim({ tenant, actor, key, id }: Claim, hash: string) {
    const [found] = await this.#sql<{ mine: boolean; hash: string; answer: string | null }[]>`
      select mine, hash, answer from claim_key(
        ${tenant}, ${actor}, ${key}, ${hash}, ${id}, make_interval(secs => ${this.#leaseMs / 1000}))`
    return found
  }

  /** Null: the claim was lost, because it was not renewed in time. */
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
      // If this fails too, the lease expires.
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
