import type { Sql } from '../postgres/database.ts'
import { DatabaseUnavailable } from '../postgres/errors.ts'
import type { Command } from './command.ts'
import { toJson } from './command.ts'

interface LockedRow {
  tenant: string
  user_id: string
  /** Positions of the commands that concern it, from 0. */
  places: number[]
}

/**
 * Finds the commands that would wait for a wallet that another transaction keeps locked. The batch goes without
 * them, because every command of a batch waits as long as its slowest one (`lock_timeout` of
 * sql/functions/apply/ledger_apply.sql). A locked wallet is checked again before each batch that may concern it.
 */
export class LockedWallets {
  readonly #sql: Sql
  #found = new Map<string, Pick<Command, 'tenant' | 'userId'>>()

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** Whether a batch may concern a wallet that was found locked. */
  mayConcern(commands: readonly Command[]): boolean {
    return this.#found.size > 0 && commands.some((command) => this.#mayConcern(command))
  }

  /** Only Postgres knows the wallet of a transaction that a command names. */
  #mayConcern({ tenant, userId, toUserId, split = [], transactionId }: Command): boolean {
    if (transactionId !== undefined) return true
    const payees = split.map((part) => ('to' in part ? part.to : undefined))
    return [userId, toUserId, ...payees].some((name) => this.#found.has(keyOf(tenant, name)))
  }

  /**
   * The commands that would wait now.
   * @throws DatabaseUnavailable
   */
  async among(commands: readonly Command[]): Promise<Set<Command>> {
    const found = [...this.#found.values()].map(({ tenant, userId }) => ({
      tenant,
      user_id: userId,
    }))
    const json = JSON.stringify([...commands.map((command) => toJson(command)), ...found])
    const rows = await this.#sql<LockedRow[]>`
      select tenant, user_id, to_json(places) as places
      from locked_wallets(${json}::text::json)`.catch((cause: unknown) => {
      throw new DatabaseUnavailable(true, cause)
    })
    this.#found = new Map(
      rows.map(({ tenant, user_id }) => [keyOf(tenant, user_id), { tenant, userId: user_id }]),
    )
    const places = new Set(rows.flatMap((row) => row.places))
    return new Set(commands.filter((_, place) => places.has(place)))
  }
}

function keyOf(tenant: string, userId: string | undefined): string {
  return `${tenant}\n${userId}`
}
