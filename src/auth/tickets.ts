import { randomBytes } from 'node:crypto'
import { toIso } from '../ledger/rows.ts'
import { ApiError } from '../lib/api-error.ts'
import type { Principal } from './principal.ts'

const UNAVAILABLE = 'Tickets are not available right now.'

/** Stores tickets for all processes until they are redeemed. Both methods reject while it is unavailable. */
export interface TicketStore {
  put(ticket: string, value: string, seconds: number): Promise<void>
  /** Returns the value and removes it in one step, so that only one of two callers gets it. */
  take(ticket: string): Promise<string | null>
}

/** How long a ticket is valid. */
export const TICKET_SECONDS = 30

const PREFIX = 'lbt_'

/**
 * Single-use replacements of a token, for clients that can only put it into a URL. URLs end up in logs, and a
 * used ticket in a log is worthless.
 */
export class Tickets {
  readonly #store: TicketStore

  constructor(store: TicketStore) {
    this.#store = store
  }

  /**
   * @returns the ticket and its expiry (ISO 8601): 30 s from now, or when the token expires, if that is sooner
   * @throws ApiError `unavailable`
   */
  async issue(principal: Principal): Promise<{ ticket: string; expiresAt: string }> {
    const left = Math.floor(principal.expiresAt - Date.now() / 1000)
    const seconds = Math.max(1, Math.min(TICKET_SECONDS, left))
    const ticket = PREFIX + randomBytes(24).toString('base64url')
    await orUnavailable(this.#store.put(ticket, JSON.stringify(principal), seconds), UNAVAILABLE)
    return { ticket, expiresAt: toIso(new Date(Date.now() + seconds * 1000).toISOString()) }
  }

  /**
   * @returns the principal that it was issued to; undefined if it is unknown, used or expired
   * @throws ApiError `unavailable`
   */
  async redeem(ticket: string): Promise<Principal | undefined> {
    const value = await orUnavailable(this.#store.take(ticket), UNAVAILABLE)
    return value === null ? undefined : (JSON.parse(value) as Principal)
  }

  static looksLikeOne(token: string): boolean {
    return token.startsWith(PREFIX)
  }
}

/** The answer of a store. @throws ApiError `unavailable`, with this message, if it gives none */
export async function orUnavailable<T>(answer: Promise<T>, message: string): Promise<T> {
  try {
    return await answer
  } catch (cause) {
    throw new ApiError(503, 'unavailable', message, { retryAfter: 1, cause })
  }
}
