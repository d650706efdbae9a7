import type { Balance, WalletState } from '../../../src/ledger/balance.ts'
import type { Committed } from '../../../src/ledger/command.ts'
import type { LedgerEvent, LedgerEventName, UserRef } from '../../../src/ledger/event.ts'
import type {
  ChangeLog,
  EventStore,
  HoldStore,
  OutboxStore,
} from '../../../src/ledger/event-store.ts'
import { sleep } from '../../../src/lib/timeout.ts'

export const ALICE: UserRef = { tenant: 'default', userId: 'alice' }

/** Of every ledger in memory that is used without Redis. */
export const COMMON_EPOCH = 'e1'

/** A ledger in memory: the promises of the real one to the streams, and a switch to make it fail. */
export class FakeLedger implements EventStore, HoldStore, OutboxStore, ChangeLog {
  epoch = COMMON_EPOCH
  /** Reads reject while it is true. */
  down = false
  /** Milliseconds that each read takes. */
  delay = 0
  reads = 0
  /** The events of open holds that services have to know, one a hold. */
  told: LedgerEvent[] = []
  readonly outbox = new Map<string, { committed: Committed; touched: number }>()
  readonly #events = new Map<string, LedgerEvent[]>()
  readonly #pruned = new Map<string, number>()
  #ids = 0

  /** Commits one balance change and its completion: two events, unless `name` asks for another single one. */
  change(user: UserRef, amount: bigint, name?: LedgerEventName): Committed {
    const events = this.#of(user)
    const previousBalance = events.at(-1)?.newBalance ?? 0n
    const common = {
      ...user,
      currency: 'USD',
      timestamp: new Date().toISOString(),
      transactionId: `t${this.#ids}`,
      transactionType: 'topup',
      amount,
    }
    const moved = name === undefined || name === 'balance_updated'
    const newBalance = moved ? previousBalance + amount : previousBalance
    const names =
      name === undefined ? (['balance_updated', 'transaction_completed'] as const) : [name]
    const added = names.map((event, i): LedgerEvent => {
      return { ...common, event, seq: events.length + i + 1, newBalance, previousBalance }
    })
    events.push(...added)
    const committed = { outboxId: String(++this.#ids), events: added }
    this.outbox.set(committed.outboxId, { committed, touched: Date.now() })
    return committed
  }

  /** Deletes the events up to and including `seq`. */
  prune(user: UserRef, seq: number): void {
    this.#pruned.set(key(user), seq)
  }

  /** Loses the newest events, as a database restored from a backup does. */
  lose(user: UserRef, count: number): void {
    this.#of(user).splice(-count)
  }

  async balance(user: UserRef, currency: string): Promise<Balance> {
    const last = this.#of(user).at(-1)
    const seq = last?.seq ?? 0
    const balance = last?.newBalance ?? 0n
    await this.#read()
    return { balance, held: 0n, currency, seq, updatedAt: new Date().toISOString() }
  }

  async eventsAfter(user: UserRef, after: number, limit: number) {
    const all = this.#of(user)
    const from = Math.max(after, this.#pruned.get(key(user)) ?? 0)
    const answer = { head: all.length, events: all.slice(from, from + limit) }
    await this.#read()
    return answer
  }

  async heads(users: readonly UserRef[]): Promise<number[]> {
    const heads = users.map((user) => this.#of(user).length)
    await this.#read()
    return heads
  }

  async toldHolds({ tenant, userId }: UserRef, cursor: string | null, limit: number) {
    const all = this.told.filter((event) => event.tenant === tenant && event.service === userId)
    const from = Number(cursor ?? 0)
    await this.#read()
    const next = from + limit < all.length ? String(from + limit) : null
    return { events: all.slice(from, from + limit), next }
  }

  async claim(limit: number, olderThanMs: number): Promise<Committed[]> {
    await this.#read()
    const old = [...this.outbox.values()].filter(
      ({ touched }) => touched <= Date.now() - olderThanMs,
    )
    return old.slice(0, limit).map((row) => {
      row.touched = Date.now()
      return row.committed
    })
  }

  async acknowledge(ids: readonly string[]): Promise<number> {
    await this.#read()
    for (const id of ids) this.outbox.delete(id)
    return 0
  }

  async changedWithin(seconds: number, cursor: string | null, limit: number) {
    await this.#read()
    const from = Number(cursor ?? 0)
    const since = Date.now() - seconds * 1000
    const all = [...this.#events.values()].flatMap((events): WalletState[] => {
      const last = events.at(-1)
      if (!last || Date.parse(last.timestamp) <= since) return []
      return [{ ...last, balance: last.newBalance }]
    })
    const next = from + limit < all.length ? String(from + limit) : null
    return { wallets: all.slice(from, from + limit), next }
  }

  #of(user: UserRef): LedgerEvent[] {
    let events = this.#events.get(key(user))
    if (!events) {
      events = []
      this.#events.set(key(user), events)
    }
    return events
  }

  async #read(): Promise<void> {
    this.reads += 1
    if (this.delay > 0) await sleep(this.delay)
    if (this.down) throw new Error('the database is down')
  }
}

function key({ tenant, userId }: UserRef): string {
  return `${tenant}\n${userId}`
}
