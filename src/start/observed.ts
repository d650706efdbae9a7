import type { MeasuredDatabase } from '../observability/metrics.ts'
import { SchemaCheck, tryWrite } from '../postgres/schema-check.ts'
import type { Databases } from '../tenants/databases.ts'
import type { DatabaseParts } from './ledger.ts'

type All = Databases<DatabaseParts>

/** What metrics read of each database that was reached. */
export function measured(databases: All): MeasuredDatabase[] {
  return databases.all.map(({ name, parts }) => ({
    name,
    parts: parts && {
      executor: parts.executor,
      outbox: parts.store,
      endpoints: parts.webhooks.endpoints,
      devices: parts.push.devices,
      analytics: parts.analytics,
      providerLedger: parts.providerLedger,
    },
  }))
}

/** Of a tenant's database, or of all that were reached together. */
export function allBacklogs(databases: All) {
  return {
    async backlog(tenant?: string) {
      if (tenant !== undefined) return databases.of(tenant).store.backlog()
      const each = await Promise.all(databases.reached.map(({ store }) => store.backlog()))
      return {
        rows: each.reduce((sum, { rows }) => sum + rows, 0),
        oldestSeconds: Math.max(...each.map(({ oldestSeconds }) => oldestSeconds)),
      }
    },
  }
}

/** How readiness asks a database. */
export function checksOf({ pools, store }: Pick<DatabaseParts, 'pools' | 'store'>) {
  const schema = new SchemaCheck(pools.readers, store.epoch)
  return { read: () => schema.read(), tryWrite: () => tryWrite(pools.writers) }
}

/** The same of the databases beside the main one, in the order of TENANT_DATABASES. Undefined: not reached yet. */
export function otherChecks(databases: All) {
  const known = new Map<DatabaseParts, ReturnType<typeof checksOf>>()
  return () =>
    databases.all.slice(1).map(({ parts }) => {
      if (!parts) return undefined
      const checks = known.get(parts) ?? checksOf(parts)
      known.set(parts, checks)
      return checks
    })
}
