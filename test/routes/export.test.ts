import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import postgres from 'postgres'
import { afterAll, expect, onTestFinished } from 'vitest'
import { sleep } from '../../src/lib/timeout.ts'
import { exportStream, transactionLines } from '../../src/routes/export.ts'
import { accepted, bearer, edge } from '../support/http/stub.ts'
import { eventually, mintToken } from '../support/index.ts'
import { alice, type LedgerApp, test } from '../support/routes/ledger-app.ts'

const ROWS = 100_000

let url: string

test.beforeAll(async ({ api }) => {
  await api.call(alice, 'POST /transactions/topup', { amount: 1, description: 'the first' })
  // Copies of the first, made by the database: through the API it would take minutes.
  const sql = postgres(api.database.ownerUrl, { max: 1 })
  await sql`
    insert into transactions (id, wallet_id, tenant, user_id, type, amount, currency, status,
      description, created_by, created_at, updated_at)
    select uuid_at(clock_timestamp()), wallet_id, tenant, user_id, type, n, currency, status,
      'copy ' || n, created_by, created_at, updated_at
    from transactions, generate_series(2, ${ROWS}::integer) n`
  await sql.end()
  url = await listen(api.app, afterAll)
  // The first takes the heap to the size at which it works, whatever it is that is streamed.
  for await (const _ of await exported('csv'));
})

/** Serves the app until `atEnd`. */
async function listen(
  { fetch }: Pick<LedgerApp['app'], 'fetch'>,
  atEnd: (close: () => void) => void,
): Promise<string> {
  const http = createAdaptorServer({ fetch })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  atEnd(() => void http.close())
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`
}

async function exported(format: string): Promise<AsyncIterable<Uint8Array>> {
  const response = await fetch(`${url}/transactions/export?format=${format}`, {
    headers: { Authorization: `Bearer ${await mintToken(alice)}` },
  })
  return response.body as unknown as AsyncIterable<Uint8Array>
}

test.each(['csv', 'ndjson'])(
  'a statement of 100,000 lines as %s is whole, and never in memory',
  async (format) => {
    const stream = await exported(format)
    const before = process.memoryUsage().rss
    let most = 0
    let lines = 0
    let bytes = 0
    for await (const chunk of stream) {
      bytes += chunk.byteLength
      for (const byte of chunk) if (byte === 10) lines++
      most = Math.max(most, process.memoryUsage().rss)
    }
    const growth = Math.round((most - before) / 2 ** 20)
    console.log(`export as ${format}: ${Math.round(bytes / 2 ** 20)} MB, RSS grew ${growth} MB`)
    expect(lines).toBe(format === 'csv' ? ROWS + 1 : ROWS)
    expect(growth).toBeLessThan(100)
  },
  60_000,
)

/** Pages without end, and how many were asked for. */
function endless() {
  const asked = { pages: 0, freed: false }
  async function* pages() {
    try {
      for (;;) {
        asked.pages++
        yield [accepted({ op: 'payment', tenant: 'default', actor: 'alice', amount: 1n })]
      }
    } finally {
      asked.freed = true
    }
  }
  return { asked, pages: pages() }
}

test('pages are read only as fast as the client takes them, and no more once it left', async () => {
  const { asked, pages } = endless()
  const reader = (await exportStream(pages, transactionLines('csv'), () => {})).getReader()
  for (let i = 0; i < 3; i++) await reader.read()
  expect(asked.pages).toBeLessThanOrEqual(5)
  await reader.cancel()
  expect(asked.freed).toBe(true)
})

test('a failure at the first page is an error, later it cuts the file off', async () => {
  const failing = (after: number) =>
    (async function* () {
      for (let i = 0; i < after; i++) {
        yield [accepted({ op: 'payment', tenant: 'default', actor: 'alice', amount: 1n })]
      }
      throw new Error('away')
    })()
  await expect(exportStream(failing(0), transactionLines('csv'), () => {})).rejects.toThrow('away')

  const broken: unknown[] = []
  const stream = await exportStream(failing(2), transactionLines('ndjson'), (error) =>
    broken.push(error),
  )
  await expect(new Response(stream).text()).rejects.toThrow('away')
  expect(broken).toHaveLength(1)
})

test('a reader that stops reading is let go, and nothing is read for it any more', async () => {
  const { asked, pages } = endless()
  const { app } = edge({
    reader: { statement: () => pages } as never,
    stalledDownloadTimeoutMs: 50,
  })
  const { port } = new URL(await listen(app, onTestFinished))
  const { Authorization } = await bearer()
  const socket = connect(Number(port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.write(
    `GET /transactions/export HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${Authorization}\r\n\r\n`,
  )
  await once(socket, 'readable')
  await eventually(() => expect(asked.freed).toBe(true))
})

test('a reader that waits for the database is not', async () => {
  const timeoutMs = 20
  const page = [accepted({ op: 'payment', tenant: 'default', actor: 'alice', amount: 1n })]
  async function* pages() {
    yield page
    // No condition could tell that nothing happens, so the database takes ten times what a client may.
    await sleep(10 * timeoutMs)
    yield page
  }
  const { app } = edge({
    reader: { statement: pages } as never,
    stalledDownloadTimeoutMs: timeoutMs,
  })
  const url = await listen(app, onTestFinished)
  const response = await fetch(`${url}/transactions/export?format=ndjson`, {
    headers: await bearer(),
  })
  expect((await response.text()).split('\n')).toHaveLength(3)
})
