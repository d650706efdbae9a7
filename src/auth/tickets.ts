import { randomBytes } from 'node:crypto'
import { toIso } from '../ledger/rows.ts'
import { ApiError } from '../lib/api-error.ts'
import type { Principal } from './principal.ts'

/** Where tickets wait to be redeemed, seen by all processes. Both reject when it cannot be reached. */
export interface TicketStore {
  put(ticket: string, value: string, seconds: number): Promise<void>
  /** Returns the value and removes it, in one step: of two who take, one gets it. */
  take(ticket: string): Promise<string | null>
}

/** How long a ticket is good for, in seconds. */
export const TICKET_SECONDS = 30

const PREFIX = 'lbt_'

/**
 * Single-use stand-ins for a token, for clients that can only put it into a URL: a URL ends up in logs,
 * and a ticket in a log is worth nothing.
 */
export class Tickets {
  readonly #store: TicketStore

  constructor(store: TicketStore) {
    this.#store = store
  }

  /**
   * @returns the ticket and its end, ISO 8601: 30 s from now, or when the token ends, if that is sooner
   * @throws ApiError `unavailable`
   */
  async issue(principal: Principal): Promise<{ ticket: string; expiresAt: string }> {
    const left = Math.floor(principal.expiresAt - Date.now() / 1000)
    const seconds = Math.max(1, Math.min(TICKET_SECONDS, left))
    const ticket = PREFIX + randomBytes(24).toString('base64url')
    await this.#reach(this.#store.put(ticket, JSON.stringify(principal), seconds))
    return { ticket, expiresAt: toIso(new Date(Date.now() + seconds * 1000).toISOString()) }
  }

  /**
   * @returns the principal that it was issued to; undefined when it is unknown, used or too old
   * @throws ApiError `unavailable`
   */
  async redeem(ticket: string): Promise<Principal | undefined> {
    const value = await this.#reach(this.#store.take(ticket))
    return value === null ? undefined : (JSON.parse(value) as Principal)
  }

  static looksLikeOne(token: string): boolean {
    return token.startsWith(PREFIX)
  }

  async #reach<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer
    } catch (cause) {
      throw new ApiError(503, 'unavailable', 'Tickets are not available right now.', {
        retryAfter: 1,
        cause,
      })
    }
  }
}
