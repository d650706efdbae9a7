import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { Executor } from '../../src/ledger/executor.ts'
import { appRoleOf } from '../../src/postgres/app-role.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { createEmptyDatabase, type TestDatabase } from '../support/index.ts'
import { bootServer } from '../support/observability/booted.ts'

let database: TestDatabase
let superuser: Sql
let logins: string[]
const pools: Sql[] = []

beforeEach(async () => {
  database = await createEmptyDatabase()
  superuser = connect(database.ownerUrl, { max: 1 })
  logins = []
})
afterEach(async () => {
  await Promise.all(pools.splice(0).map((sql) => sql.end()))
  await database.drop()
  const admin = connect(urlOf(undefined, 'postgres'), { max: 1 })
  for (const login of logins.reverse()) await admin.unsafe(`drop role if exists ${login}`)
  await admin.end()
  await superuser.end({ timeout: 0 })
})

const nameOf = (url: string) => new URL(url).pathname.slice(1)

/** The same server and database under another login. */
function urlOf(login?: string, name = nameOf(database.ownerUrl)): string {
  const url = new URL(database.ownerUrl)
  if (login) Object.assign(url, { username: login, password: 'plain' })
  url.pathname = `/${name}`
  return url.href
}

/** A login of its own with these attributes. */
async function makeLogin(attributes: string): Promise<string> {
  const login = `login_${randomBytes(6).toString('hex')}`
  await superuser.unsafe(`create role ${login} login password 'plain' ${attributes}`)
  logins.push(login)
  return login
}

function pool(url: string, role?: string): Sql {
  const sql = connect(url, { max: 1, role })
  pools.push(sql)
  return sql
}

/** The owner of the empty database, before whose role is made nobody has one. */
async function makeOwner(attributes: string): Promise<string> {
  const owner = await makeLogin(attributes)
  await superuser.unsafe(`drop role ${database.appRole}`)
  await superuser.unsafe(`alter database ${nameOf(database.ownerUrl)} owner to ${owner}`)
  return owner
}

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
  test.each(['superuser', 'createrole'])(
    'as a role that can change no entry: owner with %s',
    async (attributes) => {
      const owner = await makeOwner(attributes)
      const { appRole, canUseAppRole } = await migrate(urlOf(owner))
      logins.unshift(appRole)
      expect({ appRole, canUseAppRole }).toEqual({ appRole: database.appRole, canUseAppRole: true })
      const sql = pool(urlOf(owner), appRole)
      expect(await sql`select current_user as name`).toEqual([{ name: appRole }])
      expect((await adjust(sql)).ok).toBe(true)
      for (const statement of [...TAMPERING, DISABLING]) {
        await expect(sql.unsafe(statement)).rejects.toThrow(/permission denied|must be owner/)
      }
      expect(await migrate(urlOf(owner))).toMatchObject({ applied: [], canUseAppRole: true })
    },
  )

  test('without the right to make roles: the triggers hold, and it is known that nothing else does', async () => {
    const owner = await makeOwner('')
    expect(await migrate(urlOf(owner))).toMatchObject({ canUseAppRole: false })
    const sql = pool(urlOf(owner))
    expect((await adjust(sql)).ok).toBe(true)
    for (const statement of TAMPERING) {
      await expect(sql.unsafe(statement)).rejects.toThrow(/append-only/)
    }
  })

  test('a role that somebody else made later is used from the next start on', async () => {
    const owner = await makeOwner('')
    await migrate(urlOf(owner))
    await superuser.unsafe(`create role ${database.appRole}`)
    expect(await migrate(urlOf(owner))).toMatchObject({ canUseAppRole: false })
    await superuser.unsafe(`grant ${database.appRole} to ${owner}`)
    logins.unshift(database.appRole)
    expect(await migrate(urlOf(owner))).toMatchObject({ applied: [], canUseAppRole: true })
  })

  test('the role may have a name of its own, which needs quotes', async () => {
    const appRole = `App "role" ${randomBytes(4).toString('hex')}`
    logins.push(`"${appRole.replaceAll('"', '""')}"`)
    const found = await migrate(database.ownerUrl, { appRole })
    expect(found).toMatchObject({ appRole, canUseAppRole: true })
    expect((await adjust(pool(database.ownerUrl, appRole))).ok).toBe(true)
  })
})

describe('two databases of one cluster', () => {
  let other: TestDatabase
  beforeEach(async () => {
    other = await createEmptyDatabase()
    await Promise.all([migrate(database.ownerUrl), migrate(other.ownerUrl)])
  })
  afterEach(() => other.drop())

  /** All that a login of `database` tries in the other one. */
  async function trespass(role?: string) {
    const login = await makeLogin(`in role ${database.appRole}`)
    const sql = pool(urlOf(login, nameOf(other.ownerUrl)), role)
    return Promise.allSettled([adjust(sql), sql`select * from entries`, sql`select * from wallets`])
  }

  test('a login that has the role of one can neither read nor move money in the other', async () => {
    expect(appRoleOf(nameOf(other.ownerUrl))).not.toBe(database.appRole)
    const connecting = await trespass()
    expect(connecting.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(connecting[1]).toHaveProperty(
      'reason.message',
      expect.stringMatching(/denied for database/),
    )
    // Also where somebody has given everyone the right to connect again.
    const { appRole, ownerUrl } = other
    await superuser.unsafe(`grant connect on database ${nameOf(ownerUrl)} to public`)
    const inside = await trespass(database.appRole)
    expect(inside.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect((await adjust(pool(ownerUrl, appRole))).ok).toBe(true)
  })

  test('a copy of one has the role of its own name, and none of the other', async () => {
    await superuser.end()
    const admin = pool(urlOf(undefined, 'postgres'))
    const name = `${nameOf(database.ownerUrl)}_copy`
    await admin.unsafe(`create database ${name} template ${nameOf(database.ownerUrl)}`)
    const url = urlOf(undefined, name)
    superuser = connect(database.ownerUrl, { max: 1 })
    try {
      const { appRole, ...found } = await migrate(url)
      logins.push(appRole)
      expect(found).toEqual({ applied: [], newer: false, canUseAppRole: true })
      const copied = connect(url, { max: 1, role: database.appRole })
      await expect(copied`select * from entries`).rejects.toThrow(/permission denied/)
      await expect(copied`select ledger_apply('[]')`).rejects.toThrow(/permission denied/)
      await copied.end()
    } finally {
      await admin.unsafe(`drop database ${name} with (force)`)
    }
  })
})

test('what others have in the same schema keeps its rights, and the role gets none to it', async () => {
  await superuser.unsafe(`
    create extension pgcrypto;
    create table theirs (id int);
    create table lent (id int);
    grant insert on lent to ${database.appRole};
    create function theirs() returns int return 1;
    create function accept(text) returns text return 'theirs'`)
  const stranger = await makeLogin('')
  await superuser.unsafe(`alter function accept(text) owner to ${stranger}`)
  await superuser.unsafe(`grant connect on database ${nameOf(database.ownerUrl)} to ${stranger}`)
  await migrate(database.ownerUrl)
  const sql = pool(urlOf(stranger))
  await sql`select theirs(), accept('x'), gen_random_bytes(1)`
  await expect(sql`select ledger_apply('[]')`).rejects.toThrow(/permission denied/)
  await expect(sql`select refuse_change()`).rejects.toThrow(/permission denied/)
  const app = pool(database.appUrl)
  await app`insert into lent values (1)`
  await expect(app`select * from theirs`).rejects.toThrow(/permission denied/)
  expect((await adjust(app)).ok).toBe(true)
})

test('everyone may call no function of the ledger', async () => {
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
  const start = async (owner: string) => {
    const server = await bootServer({ DATABASE_URL: urlOf(owner), LOG_LEVEL: 'warn' })
    onTestFinished(server.close)
    const ready = await fetch(`${server.url}/health/ready`)
    const { checks } = (await ready.json()) as { checks: Record<string, unknown> }
    return { status: ready.status, check: checks.appRole, warnings: server.log }
  }

  test('whose owner may make no role serves as the owner, warns once, and says so in its health', async () => {
    const { status, check, warnings } = await start(await makeOwner(''))
    expect(status).toBe(200)
    expect(check).toEqual({ ok: true, reason: expect.stringContaining('role') })
    const said = warnings.filter(({ msg }) => String(msg).includes('role'))
    expect(said).toEqual([expect.objectContaining({ level: 'warn' })])
  })

  test('that has the role says nothing of it', async () => {
    const { status, check, warnings } = await start(await makeOwner('createrole'))
    logins.unshift(database.appRole)
    expect([status, check]).toEqual([200, undefined])
    expect(warnings).toEqual([])
  })
})
