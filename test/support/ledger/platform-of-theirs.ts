import { randomUUID } from 'node:crypto'
import { ApiKeyStore } from '../../../src/auth/api-key-store.ts'
import type { Sql } from '../../../src/postgres/database.ts'
import { TenantStore } from '../../../src/tenants/tenant-store.ts'
import { MARK } from './tenant-names.ts'

/** What the platform keeps of `theirs`: where it lives and how it came there, settings, counts, and a key with the one before. */
export async function openPlatform(sql: Sql, owner: Sql) {
  const tenants = new TenantStore(sql)
  const keys = new ApiKeyStore(sql)
  await sql`select settle_tenant('theirs', true)`
  await owner`
    insert into tenant_moves (tenant, id, direction, peer, switched_at)
    values ('theirs', gen_random_uuid(), 'here', ${MARK}, now())`
  const secret = MARK.repeat(32)
  await tenants.create('theirs', MARK, { identity: { kind: 'secret', secret } }, MARK)
  await tenants.report(randomUUID(), new Map([['theirs', 7]]), new Map([['theirs', 7]]))
  const made = await keys.create(
    {
      ...{ tenant: 'theirs', kind: 'service', name: MARK, userId: null, scopes: null },
      ...{ roles: ['service'], expiresAt: null },
    },
    MARK,
  )
  if (!made) throw new Error('no key')
  const rotated = await keys.rotate('theirs', made.key.id, 3600, null)
  return {
    ...{ tenants, keys, key: made.key.id },
    secrets: [made.key.id, made.secret, rotated?.secret, made.key.prefix],
  }
}
