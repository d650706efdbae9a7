import { DEFAULT_TENANT } from '../lib/identity.ts'
import type { Logger } from '../lib/log.ts'
import { Refresher } from '../lib/refresher.ts'
import { NO_TENANTS, type Tenant, type TenantDirectory, type TenantSettings } from './tenant.ts'
import type { TenantStore } from './tenant-store.ts'

export interface TenantsOptions {
  store: TenantStore
  log: Pick<Logger, 'warn' | 'info'>
  /** Asks the other processes to read the store. Rejects when they may not have received it. */
  announce(): Promise<void>
  /** Called with a tenant whose settings were stored. It must not throw. */
  onStored?: (tenant: string) => Promise<void>
  /** Default 1000. */
  pollEveryMs?: number
}

const PAGE_SIZE = 1000

/**
 * The made tenants and their settings, in memory, so that no request asks the database for them. A change applies in
 * this process when it is stored, and in the others when they hear of it.
 */
export class Tenants implements TenantDirectory {
  readonly #store: TenantStore
  readonly #announce: () => Promise<void>
  readonly #onStored: NonNullable<TenantsOptions['onStored']>
  readonly #refresher: Refresher
  readonly #listeners = new Set<() => void>()
  #known: ReadonlyMap<string, Tenant> = new Map()
  #version = 0
  #origins: readonly string[] = []
  #hasIdentities = false

  private constructor({ store, log, announce, onStored, pollEveryMs }: TenantsOptions) {
    this.#store = store
    this.#announce = announce
    this.#onStored = onStored ?? (async () => {})
    this.#refresher = new Refresher((whole) => this.#load(whole), {
      log,
      name: 'tenants',
      pollEveryMs,
    })
  }

  /** Resolves once all tenants are known. Before that nobody can be let in. */
  static async open(options: TenantsOptions): Promise<Tenants> {
    const tenants = new Tenants(options)
    await tenants.#refresher.start()
    return tenants
  }

  settingsOf(tenant: string): TenantSettings {
    return this.#known.get(tenant)?.settings ?? NO_TENANTS.settingsOf(tenant)
  }

  isMade(tenant: string): boolean {
    return tenant === DEFAULT_TENANT || this.#known.has(tenant)
  }

  isSuspended(tenant: string): boolean {
    return this.#known.get(tenant)?.suspendedAt != null
  }

  get origins(): readonly string[] {
    return this.#origins
  }

  get hasIdentities(): boolean {
    return this.#hasIdentities
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  create(...args: Parameters<TenantStore['create']>) {
    return this.#changed(this.#store.create(...args))
  }

  change(...args: Parameters<TenantStore['change']>) {
    return this.#changed(this.#store.change(...args))
  }

  suspend(...args: Parameters<TenantStore['suspend']>) {
    return this.#changed(this.#store.suspend(...args))
  }

  resume(...args: Parameters<TenantStore['resume']>) {
    return this.#changed(this.#store.resume(...args))
  }

  get: TenantStore['get'] = (id) => this.#store.get(id)
  list: TenantStore['list'] = (query) => this.#store.list(query)
  usage: TenantStore['usage'] = (id, range) => this.#store.usage(id, range)

  /** Another process announced a change. */
  announced(): void {
    this.#refresher.announced()
  }

  close(): void {
    this.#refresher.close()
  }

  /** When it resolves, the change is stored, applies in this process, and is being announced. */
  async #changed(change: Promise<Tenant | undefined>): Promise<Tenant | undefined> {
    const tenant = await change
    if (tenant) {
      this.#announce().catch(() => {
        // The other processes also poll the store.
      })
      await Promise.all([this.#refresher.refresh(), this.#onStored(tenant.id)])
    }
    return tenant
  }

  async #load(whole: boolean): Promise<void> {
    const known = new Map(whole ? [] : this.#known)
    let version = whole ? 0 : this.#version
    let changed = 0
    for (;;) {
      const changes = await this.#store.changesAfter(version, PAGE_SIZE)
      for (const change of changes) {
        known.set(change.tenant.id, withKnownIdentity(change.tenant, this.#known))
        version = change.version
      }
      changed += changes.length
      if (changes.length < PAGE_SIZE) break
    }
    if (changed === 0) return
    this.#known = known
    this.#version = version
    const settings = [...this.#known.values()].map((tenant) => tenant.settings)
    this.#origins = [...new Set(settings.flatMap(({ allowedOrigins = [] }) => allowedOrigins))]
    this.#hasIdentities = settings.some(({ identity }) => identity !== undefined)
    for (const listener of this.#listeners) listener()
  }
}

/** Keys that did not change stay the same object, so that what was learned about them is not forgotten. */
function withKnownIdentity(tenant: Tenant, known: ReadonlyMap<string, Tenant>): Tenant {
  const before = known.get(tenant.id)?.settings.identity
  const { identity } = tenant.settings
  if (!before || JSON.stringify(before) !== JSON.stringify(identity)) return tenant
  return { ...tenant, settings: { ...tenant.settings, identity: before } }
}
