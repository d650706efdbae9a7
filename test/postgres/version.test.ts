import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { chooseAccount } from '../../src/local/data-folder.ts'
import { startPostmaster } from '../../src/local/postmaster.ts'
import { connect } from '../../src/postgres/database.ts'
import { createEmptyDatabase } from '../support/index.ts'
import { startLine } from '../support/postgres/start-line.ts'

const OLD = '/usr/lib/postgresql/15/bin'
const program = (name: string) => join(OLD, name)

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
        expect(await startLine({ DATABASE_URL })).toMatch(
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
    const line = await startLine({ DATABASE_URL: url.href, REQUIRE_APP_ROLE: 'true' })
    expect(line).toBe(
      `DATABASE_URL: this login cannot take on the role ${database.appRole} (REQUIRE_APP_ROLE)`,
    )
  } finally {
    await database.drop()
  }
})
