import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { connect } from '../../src/postgres/database.ts'
import { createEmptyDatabase } from '../support/index.ts'
import { startLine } from '../support/postgres/start-line.ts'

const opened: { server: Server; sockets: Set<Socket> }[] = []
afterEach(() => {
  for (const { server, sockets } of opened.splice(0)) {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
})

/** Listens where a Postgres is looked for, and counts the connections. */
async function stranger(greet: (socket: Socket) => void) {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    greet(socket)
  }).listen(0, '127.0.0.1')
  opened.push({ server, sockets })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `postgres://me@127.0.0.1:${port}/mine`, sockets }
}

const STRANGERS: [what: string, greet: (socket: Socket) => void][] = [
  ['closes at once', (socket) => socket.end()],
  [
    'is a web server',
    (socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
  ],
  ['asks for a password and closes', (socket) => socket.end('R\0\0\0\x08\0\0\0\x03')],
  ['hangs up', (socket) => socket.resetAndDestroy()],
  ['accepts and says nothing', () => {}],
]

describe.each(STRANGERS)('where a Postgres is looked for, something %s', (_, greet) => {
  test('a start ends in one line', async () => {
    const { url, sockets } = await stranger(greet)
    expect(await startLine({ DATABASE_URL: url })).toMatch(
      /^DATABASE_URL: no database answers[^\n]* \([A-Z_]+\)$/,
    )
    expect(sockets.size).toBe(1)
  })
})

test('a query tries to connect once, and is rejected', async () => {
  const { url, sockets } = await stranger((socket) => socket.end())
  const sql = connect(url, { max: 1 })
  for (let query = 1; query <= 3; query++) {
    await expect(sql`select 1`).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' })
    expect(sockets.size).toBe(query)
  }
  await sql.end()
})

describe('a database whose text is not UTF-8', () => {
  test.each(['SQL_ASCII', 'LATIN1'])('%s is refused in one line', async (encoding) => {
    const database = await createEmptyDatabase({ encoding })
    try {
      expect(await startLine({ DATABASE_URL: database.ownerUrl })).toBe(
        `DATABASE_URL: the encoding of this database is ${encoding}, and UTF8 is needed`,
      )
    } finally {
      await database.drop()
    }
  })
})
