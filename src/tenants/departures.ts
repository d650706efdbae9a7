import type { Logger } from '../lib/log.ts'
import { PeriodicTask } from '../lib/periodic-task.ts'
import type { Sql } from '../postgres/database.ts'
import type { Databases } from './databases.ts'

export interface DeparturesOptions {
  databases: Databases<{ pools: { readers: Sql } }>
  log: Pick<Logger, 'warn' | 'info'>
  /** Default 1 s. */
  intervalMs?: number
}

/**
 * Tenants that have moved to another database since this process started. Its settings still name the one before, whose
 * balances are those of then, so it lets nobody of them in.
 */
export class Departures {
  readonly #options: DeparturesOptions
  readonly #task: PeriodicTask
  readonly #listeners = new Set<() => void>()
  #left: ReadonlySet<string> = new Set()

  constructor(options: DeparturesOptions) {
    this.#options = options
    const { log, intervalMs = 1_000 } = options
    this.#task = new PeriodicTask(() => this.#look(), {
      ...{ log, intervalMs, delayMs: intervalMs },
      name: 'looking for tenants that moved',
    })
  }

  hasLeft(tenant: string): boolean {
    return this.#left.has(tenant)
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  start(): void {
    this.#task.start()
  }

  stop(): Promise<void> {
    return this.#task.stop()
  }

  async #look(): Promise<void> {
    const { databases, log } = this.#options
    const left = new Set<string>()
    for (const place of databases.all) {
      // While one cannot be asked, what it said last still holds.
      const said =
        place.parts && (await elsewhere(place.parts.pools.readers).catch(() => undefined))
      for (const tenant of said ?? this.#left) {
        if (databases.placeOf(tenant) === place) left.add(tenant)
      }
    }
    const before = this.#left
    this.#left = left
    const gone = [...left].filter((tenant) => !before.has(tenant))
    if (gone.length > 0) {
      log.warn(
        { tenants: gone },
        'tenants moved to another database: their requests get 503 until this server has the new TENANT_DATABASES',
      )
    }
    if (gone.length > 0 || left.size !== before.size) {
      for (const listener of this.#listeners) listener()
    }
  }
}

async function elsewhere(sql: Sql): Promise<string[]> {
  const rows = await sql<{ tenant: string }[]>`select tenant from tenant_homes where not here`
  return rows.map(({ tenant }) => tenant)
}
