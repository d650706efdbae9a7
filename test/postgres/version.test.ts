import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import pino from 'pino'
import { describe, expect, inject, test } from 'vitest'
import { boot } from '../../src/boot.ts'
import { parseConfig } from '../../src/config/config.ts'
import { startFailure } from '../../src/config/start-failure.ts'
import { Releases } from '../../src/lib/shutdown-stack.ts'
import { chooseAccount } from '../../src/local/account.ts'
import { startPostmaster } from '../../src/local/postmaster.ts'
import { connect } from '../../src/postgres/database.ts'
import { createEmptyDatabase, TEST_SECRET } from '../support/index.ts'

const OLD = '/usr/lib/postgresql/15/bin'
const program = (name: string) => join(OLD, name)

/** The line that a server with these settings ends with instead of starting. */
async function lineOf(settings: Record<string, string>): Promise<string | null> {
  const releases = new Releases()
  const env = { HOST: '127.0.0.1', PORT: '0', JWT_SECRET: TEST_SECRET, ...settings }
  try {
    await boot(parseConfig(env), pino({ level: 'silent' }), releases)
    return 'it has started'
  } catch (error) {
    return startFailure(error)
  } finally {
    await releases.run()
  }
}

describe.skipIf(!existsSync(OLD))(
  'a Postgres that is too old',
  { meta: { skipReason: `needs the Debian package postgresql-15, in ${OLD}` } },
  () => {
    test('is named in one line, with the versions that are supported', async () => {
      const home = await mkdtemp(join(inject('runFolder'), 'old-'))
      const account = chooseAccount(null)
      if (account) chownSync(home, account.uid, account.gid)
      const data = join(home, 'data')
      mkdirSync(data)
      if (account) chownSync(data, account.uid, account.gid)
      const user = { cwd: home, ...account }
      execFileSync(program('initdb'), ['-D', data, '-U', 'me', '-A', 'trust', '-E', 'UTF8'], user)
      const binaries = {
        ...{ initdb: program('initdb'), postgres: program('postgres') },
        ...{ pgCtl: program('pg_ctl'), major: '15' },
      }
      const old = await startPostmaster({ home, binaries, account, settings: { fsync: 'off' } })
      try {
        const DATABASE_URL = `postgres://me@127.0.0.1:${old.port}/postgres`
        expect(await lineOf({ DATABASE_URL })).toMatch(
          /^DATABASE_URL: this is Postgres 15\.\d+[^\n]*, and version 18 is supported$/,
        )
      } finally {
        await old.stop()
      }
    })
  },
)

test('a login that cannot take the role on is refused in one line, where the role is required', async () => {
  const database = await createEmptyDatabase()
  const admin = connect(database.ownerUrl, { max: 1 })
  const name = new URL(database.ownerUrl).pathname.slice(1)
  const owner = `owner_of_${name}`
  await admin.unsafe(`create role ${owner} login password 'plain'`)
  await admin.unsafe(`alter database ${name} owner to ${owner}`)
  await admin.end()
  const url = new URL(database.ownerUrl)
  Object.assign(url, { username: owner, password: 'plain' })
  try {
    const line = await lineOf({ DATABASE_URL: url.href, REQUIRE_APP_ROLE: 'true' })
    expect(line).toBe(
      `DATABASE_URL: this login cannot take on the role ${database.appRole} (REQUIRE_APP_ROLE)`,
    )
  } finally {
    await database.drop()
  }
})
