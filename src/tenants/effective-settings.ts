import { isListed, originAllowed } from '../lib/origins.ts'
import { NO_TENANTS, type TenantDirectory } from './tenant.ts'

/** The server's own settings, which stand wherever a tenant has none. */
export interface ServerSettings {
  /** Currency of requests that name none. */
  currency: string
  /** Origins whose pages may call, or `*`. */
  corsOrigins: readonly string[]
  /** The most balance frames a second of one connection. Undefined: no limit. */
  maxRate?: number | undefined
}

/** What holds for a tenant: its own settings, else the server's. */
export class EffectiveSettings {
  readonly #tenants: TenantDirectory
  readonly #server: ServerSettings
  #all: { of: readonly string[]; origins: readonly string[] }

  constructor(server: ServerSettings, tenants: TenantDirectory = NO_TENANTS) {
    this.#tenants = tenants
    this.#server = server
    this.#all = { of: NO_TENANTS.origins, origins: server.corsOrigins }
  }

  currencyOf(tenant: string): string {
    return this.#tenants.settingsOf(tenant).currency ?? this.#server.currency
  }

  /** Of the server and of all tenants: for requests whose tenant is not known yet, such as preflights. */
  get allOrigins(): readonly string[] {
    const { origins } = this.#tenants
    if (this.#all.of !== origins) {
      const all = new Set([...this.#server.corsOrigins, ...origins])
      this.#all = { of: origins, origins: [...all] }
    }
    return this.#all.origins
  }

  /** Whether a page of this origin may call for the tenant. A page of our own host always may. */
  allowsOrigin(tenant: string, origin: string | undefined, host: string | undefined): boolean {
    const { allowedOrigins = this.#server.corsOrigins } = this.#tenants.settingsOf(tenant)
    return originAllowed(allowedOrigins, origin, host)
  }

  /**
   * Whether a page of this origin must be told that it may not. A page that nobody's list names is answered, and its
   * browser keeps the answer from it.
   */
  refusesOrigin(tenant: string, origin: string | undefined, host: string | undefined): boolean {
    if (origin === undefined || this.allowsOrigin(tenant, origin, host)) return false
    const hasOwn = this.#tenants.settingsOf(tenant).allowedOrigins !== undefined
    return hasOwn || isListed(this.allOrigins, origin)
  }

  /** Balance frames a second: of a client that asks for no rate, and the most that one gets. */
  ratesOf(tenant: string): { usual: number | undefined; most: number | undefined } {
    const { maxRate = Number.POSITIVE_INFINITY, defaultMaxRate } = this.#tenants.settingsOf(tenant)
    const lower = Math.min(maxRate, this.#server.maxRate ?? Number.POSITIVE_INFINITY)
    const most = lower === Number.POSITIVE_INFINITY ? undefined : lower
    return { usual: defaultMaxRate === undefined ? most : Math.min(defaultMaxRate, lower), most }
  }
}
