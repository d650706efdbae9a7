import { MAIN_DATABASE } from '../config/tenant-databases.ts'
import { DatabaseUnavailable } from '../postgres/errors.ts'

/** A database that tenants live in. */
export interface Placed<Parts> {
  name: string
  /** Undefined: all that live nowhere else. */
  tenants: readonly string[] | undefined
  /** What reads and changes it. Undefined: it was not reached since this process started. */
  parts: Parts | undefined
}

/** The databases of an installation, and which of them each tenant lives in. All but the main one may be reached later. */
export class Databases<Parts> {
  /** The main one first. */
  readonly all: readonly Placed<Parts>[]
  readonly #main: Placed<Parts>
  readonly #byTenant = new Map<string, Placed<Parts>>()

  constructor(others: readonly { name: string; tenants: readonly string[] }[]) {
    this.#main = { name: MAIN_DATABASE, tenants: undefined, parts: undefined }
    const placed = others.map(({ name, tenants }) => ({ name, tenants, parts: undefined }))
    this.all = [this.#main, ...placed]
    for (const one of placed) for (const tenant of one.tenants) this.#byTenant.set(tenant, one)
  }

  get areSeveral(): boolean {
    return this.all.length > 1
  }

  get main(): Parts {
    if (this.#main.parts === undefined) throw new Error('the main database is not open yet')
    return this.#main.parts
  }

  /** Call it once, before any tenant is asked for. */
  begin(main: Parts): void {
    this.#main.parts = main
  }

  /** Those that were reached, the main one first. */
  get reached(): Parts[] {
    return this.all.flatMap(({ parts }) => (parts === undefined ? [] : [parts]))
  }

  placeOf(tenant: string): Placed<Parts> {
    return this.#byTenant.get(tenant) ?? this.#main
  }

  /** Whether it lives in the main database, as every tenant does that is placed nowhere else. */
  isOfMain(tenant: string): boolean {
    return this.placeOf(tenant) === this.#main
  }

  /** @throws DatabaseUnavailable if the tenant's database was not reached yet */
  of(tenant: string): Parts {
    const { parts, name } = this.placeOf(tenant)
    if (parts === undefined) {
      throw new DatabaseUnavailable(true, new Error(`the database ${name} was not reached yet`))
    }
    return parts
  }

  isReached(tenant: string): boolean {
    return this.placeOf(tenant).parts !== undefined
  }
}

// biome-ignore lint/suspicious/noExplicitAny: any method
type Method = (...parameters: any[]) => unknown

type MethodsOf<T> = { [Name in keyof T as T[Name] extends Method ? Name : never]: T[Name] }

/** How each method is called: in the database of the tenant that its parameters name, or in a way of its own. */
export type Routes<T> = {
  [Name in keyof MethodsOf<T>]: MethodsOf<T>[Name] extends Method
    ?
        | { tenantOf: (...parameters: Parameters<MethodsOf<T>[Name]>) => string }
        | { call: MethodsOf<T>[Name] }
    : never
}

/** The first parameter is the tenant. */
export const ofTenant = { tenantOf: (tenant: string) => tenant }

/** The first parameter names its tenant. */
export const ofUser = { tenantOf: ({ tenant }: { tenant: string }) => tenant }

/**
 * One object for all databases, each method of which goes to the one that its tenant lives in. Where there is only one
 * database, it is that one's own.
 * @param routes of every method, so that none is forgotten
 */
export function byTenant<Parts, T extends object>(
  databases: Databases<Parts>,
  partOf: (parts: Parts) => T,
  routes: Routes<T>,
): T {
  if (!databases.areSeveral) return partOf(databases.main)
  const entries = Object.entries<{ tenantOf: (...p: unknown[]) => string } | { call: Method }>(
    routes as never,
  )
  const methods = entries.map(([name, route]) => [
    name,
    'call' in route
      ? route.call
      : (...parameters: unknown[]) => {
          const part = partOf(databases.of(route.tenantOf(...parameters)))
          return (part as Record<string, Method>)[name]?.(...parameters)
        },
  ])
  // A class has private fields, which the type of a copy of its methods lacks.
  return Object.fromEntries(methods) as T
}
