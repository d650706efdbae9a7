import type { Redis } from 'ioredis'
import type { TicketStore } from '../../auth/tickets.ts'
import type { Ask } from './redis-trouble.ts'

/** Tickets in Redis: a key for each, that expires. */
export class RedisTickets implements TicketStore {
  readonly #redis: Redis
  readonly #ask: Ask

  constructor(redis: Redis, ask: Ask) {
    this.#redis = redis
    this.#ask = ask
  }

  async put(ticket: string, value: string, seconds: number): Promise<void> {
    await this.#ask(this.#redis.set(ticketKey(ticket), value, 'EX', seconds))
  }

  take(ticket: string): Promise<string | null> {
    return this.#ask(this.#redis.getdel(ticketKey(ticket)))
  }
}

function ticketKey(ticket: string): string {
  return `livebalance:ticket:${ticket}`
}
