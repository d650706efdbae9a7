import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, vi } from 'vitest'
import { Executor } from '../../src/ledger/executor.ts'
import { CURRENCIES } from '../../src/lib/currencies.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { test } from '../support/fixtures.ts'
import { next } from '../support/postgres/next-migration.ts'

vi.mock('../../src/postgres/sql-files.ts', async () =>
  (await import('../support/postgres/next-migration.ts')).withNext(),
)

afterEach(() => {
  next.released = false
})

describe('migrating', () => {
  test('is done once by whichever of several processes that start together', async ({
    emptyDatabase: database,
    emptyOwner: owner,
  }) => {
    const all = await Promise.all(Array.from({ length: 4 }, () => migrate(database.ownerUrl)))
    const applied = all.map((one) => one.applied.length).sort()
    expect(applied.slice(0, 3)).toEqual([0, 0, 0])
    expect(applied[3]).toBeGreaterThan(0)
    expect(await owner`select from meta`).toHaveLength(1)
  })

  test('a database that a newer version has migrated is refused, and says why', async ({
    emptyDatabase: database,
    emptyOwner: owner,
  }) => {
    await migrate(database.ownerUrl)
    await owner`insert into schema_files (name, checksum) values ('migrations/9999_later.sql', 'x')`
    await expect(migrate(database.ownerUrl)).rejects.toThrow(/9999_later.*newer/)
  })

  test('a database whose migration has another text is refused', async ({
    emptyDatabase: database,
    emptyOwner: owner,
  }) => {
    await migrate(database.ownerUrl)
    await owner`update schema_files set checksum = 'x' where name = 'migrations/0001_ledger.sql'`
    await expect(migrate(database.ownerUrl)).rejects.toThrow(/0001_ledger.sql was changed/)
  })

  test('puts a function back that was changed behind its back, once its file changes', async ({
    emptyDatabase: database,
    emptyOwner: owner,
  }) => {
    await migrate(database.ownerUrl)
    await owner`update schema_files set checksum = 'x' where name = 'functions/wallet_of.sql'`
    await owner`drop function wallet_of(text, text) cascade`
    await migrate(database.ownerUrl)
    expect(await owner`select wallet_of('t', 'u')`).toEqual([{ wallet_of: null }])
  })

  describe('beside a server that wins a deadlock', () => {
    /** The newest migration loses so many times; a sequence counts on when what it counted is rolled back. */
    async function loses(owner: Sql, times: number) {
      await owner.unsafe(`
        create sequence attempts;
        create function lose() returns trigger language plpgsql as $$
        begin
          if nextval('attempts') <= ${times} then
            raise exception 'deadlock detected' using errcode = 'deadlock_detected';
          end if;
          return null;
        end
        $$;
        create trigger lose before update on wallets for each statement execute function lose()`)
      next.released = true
    }

    test('begins anew, twice', async ({ emptyDatabase: database, emptyOwner: owner }) => {
      await migrate(database.ownerUrl)
      await loses(owner, 2)
      const { applied } = await migrate(database.ownerUrl)
      expect(applied).toEqual(['migrations/0002_next.sql'])
      expect(await owner`select last_value::int from attempts`).toEqual([{ last_value: 3 }])
    })

    test('gives up after that, and says where', async ({
      emptyDatabase: database,
      emptyOwner: owner,
    }) => {
      await migrate(database.ownerUrl)
      await loses(owner, 3)
      await expect(migrate(database.ownerUrl)).rejects.toThrow(/0002_next.sql: deadlock/)
      expect(await owner`select last_value::int from attempts`).toEqual([{ last_value: 3 }])
    })
  })

  test('works as a plain user who may create no role: then the triggers alone guard the entries', async ({
    emptyDatabase: database,
    emptyOwner: owner,
  }) => {
    const role = `plain_${randomBytes(6).toString('hex')}`
    const url = new URL(database.ownerUrl)
    const name = url.pathname.slice(1)
    await owner.unsafe(`create role ${role} login password 'plain'`)
    await owner.unsafe(
      `grant all on database ${name} to ${role}; grant all on schema public to ${role}`,
    )
    url.username = role
    url.password = 'plain'
    try {
      expect(await migrate(url.href)).toMatchObject({ canUseAppRole: false })
      const plain = connect(url.href, { max: 1 })
      const outcome = await new Executor(plain).execute({
        ...{ op: 'adjustment', tenant: 'default', actor: 'admin', userId: 'ann', currency: 'USD' },
        amount: 5n,
      })
      expect(outcome.ok).toBe(true)
      await expect(plain`delete from entries`).rejects.toThrow(/append-only/)
      await plain.end()
    } finally {
      await owner.unsafe(`drop owned by ${role} cascade; drop role ${role}`)
    }
  })

  test('a login that may not migrate finds an up-to-date database right, and is told what to do about another', async ({
    emptyDatabase: database,
    emptyOwner: owner,
  }) => {
    await migrate(database.ownerUrl)
    expect(await migrate(database.appUrl)).toMatchObject({ applied: [], canUseAppRole: true })
    await owner`delete from schema_files where name = 'functions/wallet_of.sql'`
    await expect(migrate(database.appUrl)).rejects.toThrow(/`livebalance migrate` as its owner/)
  })

  test('the two logins of docs/guide/deployment.md are all that it takes', async ({
    emptyDatabase: database,
    emptyOwner: owner,
  }) => {
    const suffix = randomBytes(6).toString('hex')
    const [, written = ''] =
      /```sql\n(create role livebalance_app_[^`]*)```/.exec(
        readFileSync(new URL('../../docs/guide/deployment.md', import.meta.url), 'utf8'),
      ) ?? []
    const statements = written
      .replaceAll(/livebalance(_owner|_server)?\b/g, `$&_${suffix}`)
      .replaceAll(/livebalance_app_\w+/g, `livebalance_app_livebalance_${suffix}`)
      .replaceAll('…', 'plain')
      .split(';')
      .filter((statement) => statement.trim())
    expect(statements).toHaveLength(5)
    const login = (name: string) => {
      const url = new URL(database.ownerUrl)
      Object.assign(url, { username: `${name}_${suffix}`, password: 'plain' })
      url.pathname = `/livebalance_${suffix}`
      return url.href
    }
    try {
      for (const statement of statements) await owner.unsafe(statement)
      await migrate(login('livebalance_owner'))
      expect(await migrate(login('livebalance_server'))).toMatchObject({
        applied: [],
        canUseAppRole: true,
      })
      const server = connect(login('livebalance_server'), {
        ...{ max: 1, role: `livebalance_app_livebalance_${suffix}` },
      })
      const outcome = await new Executor(server).execute({
        ...{ op: 'adjustment', tenant: 'default', actor: 'admin', userId: 'ann', currency: 'USD' },
        amount: 5n,
      })
      expect(outcome.ok).toBe(true)
      await expect(server`delete from entries`).rejects.toThrow(/permission denied/)
      await server.end()
    } finally {
      await owner.unsafe(`drop database if exists livebalance_${suffix} with (force)`)
      for (const name of ['server', 'owner', 'app_livebalance']) {
        await owner.unsafe(`drop role if exists livebalance_${name}_${suffix}`)
      }
    }
  })

  test('knows the same currencies in SQL as in the code', async ({
    emptyDatabase: database,
    emptyOwner: owner,
  }) => {
    await migrate(database.ownerUrl)
    const rows = await owner<{ code: string; decimals: number }[]>`
      select code, decimals from currencies order by code`
    expect(new Map(rows.map(({ code, decimals }) => [code, decimals]))).toEqual(
      new Map([...CURRENCIES].sort()),
    )
  })
})
