import { execFile, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type LiveServer, openLiveServer } from '../support/client/live-server.ts'
import { eventually, mintToken } from '../support/index.ts'
import { describeInBrowser, visitor } from '../support/web/browser.ts'

const root = join(import.meta.dirname, '../..')
const run = promisify(execFile)

let server: LiveServer
/** Serves the example pages from another origin than the server's. */
let pages: Server
let pagesUrl: string

beforeAll(async () => {
  const bundle = await build({
    absWorkingDir: root,
    entryPoints: ['examples/react/app.tsx'],
    bundle: true,
    format: 'esm',
    jsx: 'automatic',
    write: false,
    define: { 'process.env.NODE_ENV': '"production"' },
    // The names of the published package, without a build.
    alias: {
      'livebalance/client': join(root, 'src/client/index.ts'),
      'livebalance/react': join(root, 'src/client/react.ts'),
    },
  })
  const app = bundle.outputFiles[0]?.text ?? ''
  pages = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    if (pathname === '/react/app.js') {
      response.setHeader('Content-Type', 'text/javascript').end(app)
      return
    }
    if (!pathname.endsWith('/')) {
      response.writeHead(404).end()
      return
    }
    const page = await readFile(join(root, 'examples', pathname, 'index.html'))
    response.setHeader('Content-Type', 'text/html').end(page)
  })
  await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve))
  pagesUrl = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`
  server = await openLiveServer({ CORS_ORIGINS: pagesUrl })
})
afterAll(async () => {
  await server?.close()
  pages?.close()
})

test('curl: a topup is requested, approved, and approved again without effect', async () => {
  const env = {
    PATH: process.env.PATH,
    URL: server.url,
    USER_TOKEN: await mintToken({ sub: 'curl-user' }),
    ADMIN_TOKEN: await mintToken({ sub: 'ada', roles: ['admin'] }),
  }
  const { stdout } = await run(join(root, 'examples/curl/topup.sh'), [], { env })
  expect(
    stdout
      .replace(/topup \S+/, 'topup <id>')
      .trim()
      .split('\n'),
  ).toEqual([
    'Balance before: 0',
    'Requested topup <id>',
    'Approved: success',
    'Approved again, which moves no money: success',
    'Balance after: 50',
  ])
})

test('the Node service takes a payment once, refuses one too large, and gives the money back', async () => {
  await server.fund('buyer', 100)
  const shop = await startShop()
  const book = (id: string, amount: number) =>
    fetch(`${shop}/bookings`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ id, userId: 'buyer', amount }),
    })
  const balance = async () => {
    const token = await mintToken({ sub: 'buyer' })
    return (await server.call<{ balance: number }>(token, 'GET /transactions/balance')).balance
  }

  const first = await book('room-1', 30)
  expect(first.status).toBe(201)
  const repeated = await book('room-1', 30)
  expect(await repeated.json()).toEqual(await first.json())
  await expect.poll(() => balance()).toBe(70)

  const refused = await book('room-2', 80)
  expect([refused.status, await refused.json()]).toEqual([
    402,
    expect.objectContaining({ paid: false, requiredAmount: 80, currentBalance: 70, shortfall: 10 }),
  ])

  const cancelled = await fetch(`${shop}/bookings/room-1`, { method: 'DELETE' })
  expect(await cancelled.json()).toEqual({ refunded: true })
  await expect.poll(() => balance()).toBe(100)
})

async function startShop(): Promise<string> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/node-service/service.ts'], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      LIVEBALANCE_URL: server.url,
      SERVICE_TOKEN: await mintToken({ sub: 'shop', roles: ['service'] }),
      PORT: '0',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill())
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  return eventually(
    () => /listens on (http:\S+)/.exec(output)?.[1] ?? expect.fail(`no address in: ${output}`),
  )
}

describeInBrowser('example pages from another origin', () => {
  test('browser: EventSource shows the balance and each change', async () => {
    await server.fund('reader', 10)
    const { open } = await visitor()
    const page = await open(`${pagesUrl}/browser/`)
    await page.getByLabel('Server').fill(server.url)
    await page.getByLabel('Token').fill(await mintToken({ sub: 'reader' }))
    await page.getByRole('button', { name: 'Connect' }).click()
    await page.getByText('Balance: 10', { exact: true }).waitFor()
    await server.fund('reader', 5)
    await page.getByText('Balance: 15', { exact: true }).waitFor()
    await page.getByText('topup: 5').waitFor()
  })

  test('browser: a connection that broke resumes with a new ticket', async () => {
    await server.fund('resumer', 10)
    const { open } = await visitor()
    const page = await open(`${pagesUrl}/browser/`)
    await page.getByLabel('Server').fill(server.url)
    await page.getByLabel('Token').fill(await mintToken({ sub: 'resumer' }))
    await page.getByRole('button', { name: 'Connect' }).click()
    await page.getByText('Balance: 10', { exact: true }).waitFor()
    await server.stop()
    await server.start()
    await server.fund('resumer', 7)
    await page.getByText('Balance: 17', { exact: true }).waitFor()
    await expect.poll(() => page.getByText('topup: 7').count()).toBe(1)
  })

  test('React: the hook shows the balance, and the button requests a topup', async () => {
    await server.fund('member', 10)
    const { open } = await visitor()
    const token = await mintToken({ sub: 'member' })
    const query = new URLSearchParams({ server: server.url, token })
    const page = await open(`${pagesUrl}/react/?${query}`)
    await page.getByRole('heading', { name: '10 USD' }).waitFor()
    await page.getByRole('button', { name: 'Top up 20' }).click()
    await page.getByText('Requested. An admin must approve it.').waitFor()
    await server.fund('member', 5)
    await page.getByRole('heading', { name: '15 USD' }).waitFor()
  })

  test('React: a page that the server does not list is told of CORS_ORIGINS', async () => {
    const { open } = await visitor()
    const token = await mintToken({ sub: 'member' })
    const query = new URLSearchParams({ server: server.url, token })
    const unlisted = pagesUrl.replace('127.0.0.1', 'localhost')
    const page = await open(`${unlisted}/react/?${query}`)
    await page.getByText(`its CORS_ORIGINS does not list ${unlisted}.`).waitFor()
  })
})
