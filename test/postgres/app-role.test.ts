import { randomBytes } from 'node:crypto'
import { describe, expect, onTestFinished } from 'vitest'
import { Executor } from '../../src/ledger/executor.ts'
import { appRoleOf } from '../../src/postgres/app-role.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { createEmptyDatabase, sqlRoleOf, type TestDatabase } from '../support/database.ts'
import { test as base } from '../support/fixtures.ts'
import { bootServer } from '../support/observability/booted.ts'

const nameOf = (url: string) => new URL(url).pathname.slice(1)

/** The same server under another login or in another database. */
function urlOf(serverUrl: string, login?: string, name = nameOf(serverUrl)): string {
  const url = new URL(serverUrl)
  if (login) Object.assign(url, { username: login, password: 'plain' })
  url.pathname = `/${name}`
  return url.href
}

/** Logins and pools in `emptyDatabase`, which are gone after the test. */
function openRoles(
  emptyDatabase: TestDatabase,
  emptyOwner: Sql,
  onCleanup: (close: () => Promise<void>) => void,
) {
  const { ownerUrl, appRole } = emptyDatabase
  /** To be dropped, in the order of their creation. */
  const logins: string[] = []
  const pools: Sql[] = []
  onCleanup(async () => {
    await Promise.all(pools.map((sql) => sql.end()))
    // A login may own it.
    await emptyDatabase.drop()
    const admin = connect(urlOf(ownerUrl, undefined, 'postgres'), { max: 1 })
    for (const login of logins.reverse()) await admin.unsafe(`drop role if exists ${login}`)
    await admin.end()
  })
  async function makeLogin(attributes: string): Promise<string> {
    const login = `login_${randomBytes(6).toString('hex')}`
    await emptyOwner.unsafe(`create role ${login} login password 'plain' ${attributes}`)
    logins.push(login)
    return login
  }
  return {
    logins,
    makeLogin,
    /** The owner of the empty database. Its role does not exist yet. */
    async makeOwner(attributes: string): Promise<string> {
      const owner = await makeLogin(attributes)
      await emptyOwner.unsafe(`drop role ${appRole}`)
      await emptyOwner.unsafe(`alter database ${nameOf(ownerUrl)} owner to ${owner}`)
      return owner
    },
    pool(url: string, role?: string): Sql {
      const sql = connect(url, { max: 1, role })
      pools.push(sql)
      return sql
    },
    url: (login?: string, name?: string) => urlOf(ownerUrl, login, name),
  }
}

type Roles = ReturnType<typeof openRoles>

const test = base.extend('roles', ({ emptyDatabase, emptyOwner }, { onCleanup }) =>
  openRoles(emptyDatabase, emptyOwner, onCleanup),
)

const adjust = (sql: Sql) =>
  new Executor(sql).execute({
    ...{ op: 'adjustment', tenant: 'default', actor: 'admin', userId: 'ann', currency: 'USD' },
    amount: 5n,
  })

const TAMPERING = [
  'delete from entries',
  'update entries set amount = amount + 1',
  'truncate entries cascade',
]
const DISABLING = 'alter table entries disable trigger user'

describe('with one login, the owner', () => {
  test.for(['superuser', 'createrole'])(
    'as a role that can change no entry: owner with %s',
    async (attributes, { emptyDatabase: database, roles }) => {
      const owner = await roles.makeOwner(attributes)
      const { appRole, canUseAppRole } = await migrate(roles.url(owner))
      roles.logins.unshift(appRole)
      expect({ appRole, canUseAppRole }).toEqual({ appRole: database.appRole, canUseAppRole: true })
      const sql = roles.pool(roles.url(owner), appRole)
      expect(await sql`select current_user as name`).toEqual([{ name: appRole }])
      expect((await adjust(sql)).ok).toBe(true)
      for (const statement of [...TAMPERING, DISABLING]) {
        await expect(sql.unsafe(statement)).rejects.toThrow(/permission denied|must be owner/)
      }
      expect(await migrate(roles.url(owner))).toMatchObject({ applied: [], canUseAppRole: true })
    },
  )

  test('without the right to make roles: the triggers hold, and it is known that nothing else does', async ({
    roles,
  }) => {
    const owner = await roles.makeOwner('')
    expect(await migrate(roles.url(owner))).toMatchObject({ canUseAppRole: false })
    const sql = roles.pool(roles.url(owner))
    expect((await adjust(sql)).ok).toBe(true)
    for (const statement of TAMPERING) {
      await expect(sql.unsafe(statement)).rejects.toThrow(/append-only/)
    }
  })

  test('a role that somebody else made later is used from the next start on', async ({
    emptyDatabase: database,
    emptyOwner: superuser,
    roles,
  }) => {
    const owner = await roles.makeOwner('')
    await migrate(roles.url(owner))
    await superuser.unsafe(`create role ${database.appRole}`)
    expect(await migrate(roles.url(owner))).toMatchObject({ canUseAppRole: false })
    await superuser.unsafe(`grant ${database.appRole} to ${owner}`)
    roles.logins.unshift(database.appRole)
    expect(await migrate(roles.url(owner))).toMatchObject({ applied: [], canUseAppRole: true })
  })

  test('the role may have a name of its own, which needs quotes', async ({
    emptyDatabase: database,
    roles,
  }) => {
    const appRole = `App "role" ${randomBytes(4).toString('hex')}`
    roles.logins.push(`"${appRole.replaceAll('"', '""')}"`)
    const found = await migrate(database.ownerUrl, { appRole })
    expect(found).toMatchObject({ appRole, canUseAppRole: true })
    expect((await adjust(roles.pool(database.ownerUrl, appRole))).ok).toBe(true)
  })
})

describe('two databases of one cluster', () => {
  const pairTest = test.extend(
    'other',
    { auto: true },
    async ({ emptyDatabase }, { onCleanup }) => {
      const other = await createEmptyDatabase()
      onCleanup(() => other.drop())
      await Promise.all([migrate(emptyDatabase.ownerUrl), migrate(other.ownerUrl)])
      return other
    },
  )

  /** All that a login of `database` tries in the other one. */
  async function trespass(
    { database, other, roles }: { database: TestDatabase; other: TestDatabase; roles: Roles },
    role?: string,
  ) {
    const login = await roles.makeLogin(`in role ${database.appRole}`)
    const sql = roles.pool(roles.url(login, nameOf(other.ownerUrl)), role)
    return Promise.allSettled([adjust(sql), sql`select * from entries`, sql`select * from wallets`])
  }

  pairTest(
    'a login that has the role of one can neither read nor move money in the other',
    async ({ emptyDatabase: database, emptyOwner: superuser, other, roles }) => {
      expect(appRoleOf(nameOf(other.ownerUrl))).not.toBe(database.appRole)
      const connecting = await trespass({ database, other, roles })
      expect(connecting.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
      expect(connecting[1]).toHaveProperty(
        'reason.message',
        expect.stringMatching(/denied for database/),
      )
      // Also where somebody has given everyone the right to connect again.
      const { appRole, ownerUrl } = other
      await superuser.unsafe(`grant connect on database ${nameOf(ownerUrl)} to public`)
      const inside = await trespass({ database, other, roles }, database.appRole)
      expect(inside.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
      expect((await adjust(roles.pool(ownerUrl, appRole))).ok).toBe(true)
    },
  )

  pairTest(
    'a copy of one has the role of its own name, and none of the other',
    async ({ emptyDatabase: database, emptyOwner: superuser, roles }) => {
      // A database with sessions cannot be copied.
      await superuser.end()
      const admin = roles.pool(roles.url(undefined, 'postgres'))
      const name = `${nameOf(database.ownerUrl)}_copy`
      await admin.unsafe(`create database ${name} template ${nameOf(database.ownerUrl)}`)
      const url = roles.url(undefined, name)
      try {
        const { appRole, ...found } = await migrate(url)
        roles.logins.push(appRole)
        expect(found).toEqual({ applied: [], newer: false, canUseAppRole: true, warnings: [] })
        const copied = connect(url, { max: 1, role: database.appRole })
        await expect(copied`select * from entries`).rejects.toThrow(/permission denied/)
        await expect(copied`select ledger_apply('[]')`).rejects.toThrow(/permission denied/)
        await copied.end()
        // Neither has the role of the other's applications.
        const shop = connect(url, { max: 1, role: sqlRoleOf(database.appRole) })
        await expect(shop`select livebalance.balance('ann')`).rejects.toThrow(/permission denied/)
        await shop.end()
        const own = connect(url, { max: 1, role: sqlRoleOf(appRole) })
        expect(await own`select balance from livebalance.balance('ann')`).toEqual([
          { balance: '0.00' },
        ])
        await own.end()
      } finally {
        await admin.unsafe(`drop database ${name} with (force)`)
      }
    },
  )
})

test('what others have in the same schema keeps its rights, and the role gets none to it', async ({
  emptyDatabase: database,
  emptyOwner: superuser,
  roles,
}) => {
  await superuser.unsafe(`
    create extension pgcrypto;
    create table theirs (id int);
    create table lent (id int);
    grant insert on lent to ${database.appRole};
    create function theirs() returns int return 1;
    create function accept(text) returns text return 'theirs'`)
  const stranger = await roles.makeLogin('')
  await superuser.unsafe(`alter function accept(text) owner to ${stranger}`)
  await superuser.unsafe(`grant connect on database ${nameOf(database.ownerUrl)} to ${stranger}`)
  await migrate(database.ownerUrl)
  const sql = roles.pool(roles.url(stranger))
  await sql`select theirs(), accept('x'), gen_random_bytes(1)`
  await expect(sql`select ledger_apply('[]')`).rejects.toThrow(/permission denied/)
  await expect(sql`select refuse_change()`).rejects.toThrow(/permission denied/)
  const app = roles.pool(database.appUrl)
  await app`insert into lent values (1)`
  await expect(app`select * from theirs`).rejects.toThrow(/permission denied/)
  expect((await adjust(app)).ok).toBe(true)
})

test('everyone may call no function of the ledger', async ({
  emptyDatabase: database,
  emptyOwner: superuser,
}) => {
  await migrate(database.ownerUrl)
  const open = await superuser`
    select p.oid::regprocedure::text as name from pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and has_function_privilege('public', p.oid, 'execute')`
  expect(open).toEqual([])
})

test('the name of the role is one for every name of a database, and none is cut off', () => {
  expect(appRoleOf('livebalance')).toBe('livebalance_app_livebalance')
  const long = ['a', 'b'].map((end) => appRoleOf('ü'.repeat(31) + end))
  expect(new Set(long).size).toBe(2)
  for (const name of long) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63)
})

describe('a whole server', () => {
  const start = async (url: string) => {
    const server = await bootServer({ DATABASE_URL: url, LOG_LEVEL: 'warn' })
    onTestFinished(server.close)
    const ready = await fetch(`${server.url}/health/ready`)
    const { checks } = (await ready.json()) as { checks: Record<string, unknown> }
    return { status: ready.status, check: checks.appRole, warnings: server.log }
  }

  test('whose owner may make no role serves as the owner, warns once, and says so in its health', async ({
    roles,
  }) => {
    const { status, check, warnings } = await start(roles.url(await roles.makeOwner('')))
    expect(status).toBe(200)
    expect(check).toEqual({ ok: true, reason: expect.stringContaining('role') })
    const said = warnings.filter(({ msg }) => String(msg).includes('role'))
    expect(said).toEqual([expect.objectContaining({ level: 'warn' })])
  })

  test('that has the role says nothing of it', async ({ emptyDatabase: database, roles }) => {
    const { status, check, warnings } = await start(roles.url(await roles.makeOwner('createrole')))
    roles.logins.unshift(database.appRole)
    expect([status, check]).toEqual([200, undefined])
    expect(warnings).toEqual([])
  })
})
