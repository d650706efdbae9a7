import { once } from 'node:events'
import { type AddressInfo, connect as connectTo, createServer } from 'node:net'
import { expect, inject } from 'vitest'
import { connect } from '../../src/postgres/database.ts'
import { test } from '../support/fixtures.ts'
import { startLine } from '../support/postgres/start-line.ts'

/** The Postgres of these tests, which gives another version of the same length as its own. */
async function disguised(version: (own: string) => string) {
  const owner = new URL(inject('serverUrls').owner)
  const sql = connect(owner.href, { max: 1 })
  const [row] = await sql<{ own: string }[]>`select current_setting('server_version_num') as own`
  await sql.end()
  const own = `${Math.floor(Number(row?.own) / 10_000)}.`
  const port = Number(owner.port)
  const server = createServer((socket) => {
    const postgres = connectTo(port, owner.hostname)
    socket.pipe(postgres)
    postgres.on('data', (chunk) => {
      socket.write(Buffer.from(chunk.toString('latin1').replaceAll(own, version(own)), 'latin1'))
    })
    postgres.on('close', () => socket.destroy()).on('error', () => {})
    socket.on('close', () => postgres.destroy()).on('error', () => {})
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  owner.port = String((server.address() as AddressInfo).port)
  return { url: owner.href, close: () => server.close() }
}

test.each(['14.', '19.'])(
  'a Postgres %s is named in one line, with the versions that are supported',
  async (version) => {
    const postgres = await disguised(() => version)
    try {
      expect(await startLine({ DATABASE_URL: postgres.url })).toMatch(
        new RegExp(
          `^DATABASE_URL: this is Postgres ${version}\\d+[^\\n]*, and versions 15 to 18 are supported$`,
        ),
      )
    } finally {
      postgres.close()
    }
  },
)

test('a login that cannot take the role on is refused in one line, where the role is required', async ({
  emptyDatabase: database,
  emptyOwner: admin,
}) => {
  const name = new URL(database.ownerUrl).pathname.slice(1)
  const owner = `owner_of_${name}`
  await admin.unsafe(`create role ${owner} login password 'plain'`)
  await admin.unsafe(`alter database ${name} owner to ${owner}`)
  const url = new URL(database.ownerUrl)
  Object.assign(url, { username: owner, password: 'plain' })
  const line = await startLine({ DATABASE_URL: url.href, REQUIRE_APP_ROLE: 'true' })
  expect(line).toBe(
    `DATABASE_URL: this login cannot take on the role ${database.appRole} (REQUIRE_APP_ROLE)`,
  )
})
