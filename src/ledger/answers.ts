import { createHash } from 'node:crypto'
import { isTransient, type Sql } from './database.ts'
import type { Answers, Kept, KeyedRequest } from './ledger.ts'

export interface AnswersOptions {
  /** Milliseconds after which a claim that was not renewed is another's to take. Default 10 s. */
  lease?: number
  /** Milliseconds that a twin waits for the one that acts. Default 10 s. */
  patience?: number
}

/**
 * First answers, in the same table as those of the ledger's commands: a key is used once, for whatever.
 * A key is claimed, acted on and answered, a statement each: nothing holds a connection meanwhile.
 */
export class PostgresAnswers implements Answers {
  readonly #sql: Sql
  readonly #lease: number
  readonly #patience: number

  constructor(sql: Sql, { lease = 10_000, patience = 10_000 }: AnswersOptions = {}) {
    this.#sql = sql
    this.#lease = lease
    this.#patience = patience
  }

  async once(request: KeyedRequest, act: () => Promise<string>): Promise<Kept | 'reused' | 'busy'> {
    const hash = createHash('sha256').update(request.asked).digest('base64url')
    const deadline = Date.now() + this.#patience
    for (let pause = 10; ; pause = Math.min(pause * 2, 200)) {
      const found = await this.#claim(request, hash)
      if (found?.mine) {
        try {
          return await this.#answer(request, act)
        } catch (error) {
          // Rolled back: another took the key over, whose answer is to be had, or it is worth another try.
          if (!isTransient(error)) throw error
        }
      } else if (found && found.hash !== hash) return 'reused'
      else if (found?.answer != null) return { answer: found.answer, replayed: true }
      if (Date.now() + pause > deadline) return 'busy'
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }

  /** Undefined: the claim of another was given up just now. */
  async #claim({ tenant, actor, key }: KeyedRequest, hash: string) {
    const [found] = await this.#sql<{ mine: boolean; hash: string; answer: string | null }[]>`
      select mine, hash, answer from claim_key(
        ${tenant}, ${actor}, ${key}, ${hash}, make_interval(secs => ${this.#lease / 1000}))`
    return found
  }

  async #answer(request: KeyedRequest, act: () => Promise<string>): Promise<Kept> {
    const { tenant, actor, key } = request
    const sql = this.#sql
    const renewal = setInterval(() => {
      sql`select renew_key(${tenant}, ${actor}, ${key})`.catch(() => {})
    }, this.#lease / 3)
    try {
      const answer = await act()
      const [kept] = await sql<{ answer: string | null }[]>`
        select keep_answer(${tenant}, ${actor}, ${key}, ${answer}) as answer`
      return { answer: kept?.answer ?? answer, replayed: false }
    } catch (error) {
      // If this fails too, the lease ends by itself.
      await sql`select release_key(${tenant}, ${actor}, ${key})`.catch(() => {})
      throw error
    } finally {
      clearInterval(renewal)
    }
  }
}
