import type { TenantDatabase } from '../config/tenant-databases.ts'
import { epochOf } from '../ledger/event-store.ts'
import { PeriodicTask } from '../lib/periodic-task.ts'
import { ShutdownStack } from '../lib/shutdown-stack.ts'
import { withTimeout } from '../lib/timeout.ts'
import { startFailure } from '../local/errors.ts'
import { codeOf, isComing } from '../postgres/errors.ts'
import { listenUnlessPooled, OUTBOX_CHANNEL } from '../postgres/listener.ts'
import { openSessions, type Pools } from '../postgres/sessions.ts'
import type { Databases, Placed } from '../tenants/databases.ts'
import { ensureAllPlaced, mirrorTenants, settle, TenantDatabaseError } from '../tenants/homes.ts'
import type { Context } from './context.ts'
import type { DatabaseParts } from './ledger.ts'

export interface TenantDatabasesOptions {
  context: Context
  databases: Databases<DatabaseParts>
  /** Builds the parts of a database that was reached. */
  build(place: Placed<DatabaseParts>, pools: Pools, epoch: string, context: Context): DatabaseParts
}

/** A start does not wait longer for a database than this. Others are served meanwhile. */
const START_WAIT_MS = 8_000

const RETRY_MS = 2_000

/** Settings are copied again this often, for what could not be copied at the change. */
const MIRROR_EVERY_MS = 5_000

/**
 * Opens the databases of `TENANT_DATABASES`. One that cannot be reached is tried again until it can; until then its
 * tenants get 503, and nobody else does.
 */
export class TenantDatabases {
  readonly #options: TenantDatabasesOptions
  readonly #releases = new ShutdownStack()
  readonly #urls = new Map<string, TenantDatabase>()
  readonly #whenReached: ((parts: DatabaseParts) => void)[] = []
  /** From then on no failure stops the server. */
  #started = false
  #closed = false

  constructor(options: TenantDatabasesOptions) {
    this.#options = options
    const { context } = options
    for (const one of context.config.tenantDatabases) this.#urls.set(one.name, one)
    context.releases.add(() => {
      this.#closed = true
      return this.#releases.run()
    })
  }

  /**
   * Resolves when each was reached or cannot be reached now.
   * @throws TenantDatabaseError, or what no waiting cures
   */
  async open(): Promise<void> {
    const { databases } = this.#options
    const main = databases.main.pools.revokers
    await ensureAllPlaced(main, new Set(this.#others.flatMap(({ tenants = [] }) => tenants)))
    await Promise.all(
      this.#others.map((place) => {
        const attempt = this.#open(place).catch((error: unknown) => {
          if (!this.#started && !isComing(error)) throw explained(place.name, error)
          this.#later(place, error)
        })
        return withTimeout(attempt, START_WAIT_MS, () => {})
      }),
    )
    this.#started = true
    if (this.#others.length > 0) this.#mirrorFromNowOn()
  }

  /** Calls it with each database, when it is reached. */
  onReached(use: (parts: DatabaseParts) => void): void {
    this.#whenReached.push(use)
    for (const { parts } of this.#others) if (parts) use(parts)
  }

  get #others() {
    return this.#options.databases.all.filter(({ tenants }) => tenants !== undefined)
  }

  #mirrorFromNowOn(): void {
    const { context, databases } = this.#options
    const { log } = context
    for (const place of this.#others) {
      const task = new PeriodicTask(
        async () => {
          const { tenants = [], parts } = place
          if (parts) await mirrorTenants(databases.main.pools.readers, parts.pools.readers, tenants)
        },
        {
          ...{ log, intervalMs: MIRROR_EVERY_MS, delayMs: MIRROR_EVERY_MS },
          name: `copying settings of tenants to the database ${place.name}`,
        },
      )
      this.#releases.add(() => task.stop())
      task.start()
    }
  }

  #later(place: Placed<DatabaseParts>, error: unknown): void {
    const { log } = this.#options.context
    const { name, tenants } = place
    log.warn(
      { database: name, tenants, code: codeOf(error) },
      'a database of tenants cannot be reached: their requests get 503 until it can',
    )
    const task = new PeriodicTask(
      async (signal) => {
        if (place.parts || signal.aborted) return
        await this.#open(place).catch((err: unknown) => {
          if (!isComing(err)) throw err
        })
        if (place.parts) log.info({ database: name }, 'a database of tenants was reached')
      },
      {
        ...{ log, intervalMs: RETRY_MS, delayMs: RETRY_MS },
        name: `opening the database ${name}`,
      },
    )
    this.#releases.add(() => task.stop())
    task.start()
  }

  async #open(place: Placed<DatabaseParts>): Promise<void> {
    const { databases, context, build } = this.#options
    const { config } = context
    const { url = '', tenants = [] } = this.#urls.get(place.name) ?? {}
    const log = context.log.child({ database: place.name })
    const releases = new ShutdownStack()
    try {
      const { pools, role } = await openSessions(
        {
          ...config,
          ...{ ownerUrl: url, appUrl: url, log, databaseWaitMs: 0 },
          warned: context.worker !== undefined,
        },
        releases,
      )
      const epoch = await epochOf(pools.revokers)
      this.#ensureOther(place.name, epoch)
      await settle(databases.main.pools.revokers, pools.revokers, tenants)
      // So that tenants can move to it one day and keep their ids.
      await pools.revokers`select reserve_ids()`
      await mirrorTenants(databases.main.pools.readers, pools.revokers, tenants)
      if (this.#closed) throw new Error('the server is shutting down')
      // Another one may have been opened meanwhile.
      this.#ensureOther(place.name, epoch)
      const parts = build(place, pools, epoch, { ...context, log, releases })
      listenUnlessPooled(url, OUTBOX_CHANNEL, parts.sweep, { role, log }, releases)
      this.#releases.add(() => releases.run())
      place.parts = parts
      for (const use of this.#whenReached) use(parts)
    } catch (error) {
      await releases.run().catch(() => {})
      throw error
    }
  }

  #ensureOther(name: string, epoch: string): void {
    const same = this.#options.databases.all.find(({ parts }) => parts?.store.epoch === epoch)
    if (!same) return
    throw new TenantDatabaseError(`${name} and ${same.name} are the same database`)
  }
}

/** Says which database it was, where a failed start is explained in one line. */
function explained(name: string, error: unknown): unknown {
  if (error instanceof TenantDatabaseError) return error
  const line = startFailure(error)
  if (line === null) return error
  const text = line.replace(/^DATABASE_URL: /, '')
  return new TenantDatabaseError(`${name}: ${text}`, { cause: error })
}

/** A change of settings is not answered later than this because of a copy. */
const MIRROR_WAIT_MS = 1_000

/** Copies the settings of a tenant to its database. They are copied later where that fails. Never rejects. */
export async function mirrorTenant(
  databases: Databases<DatabaseParts>,
  tenant: string,
): Promise<void> {
  const { tenants, parts } = databases.placeOf(tenant)
  if (!tenants || !parts) return
  const copying = mirrorTenants(databases.main.pools.readers, parts.pools.readers, [tenant])
  await withTimeout(copying, MIRROR_WAIT_MS, () => {}).catch(() => {})
}
