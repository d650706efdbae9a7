import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import type { Page } from 'playwright-core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startLiveServer } from '../support/client/live-server.ts'
import { makeDataFolder, npmStart, screenOf } from '../support/e2e/npm-start.ts'
import { eventually, mintToken } from '../support/index.ts'
import { describeInBrowser, visitor } from '../support/web/browser.ts'
import { PRINTED_COMPONENT, PRINTED_HOOK } from '../support/web/printed-hook.ts'

const root = join(import.meta.dirname, '../..')

/** The start of an application, in which toasts are a list and each reason of a failure is kept. */
const MAIN = `
import { createRoot } from 'react-dom/client';
import { io } from 'socket.io-client';
import { BalanceDisplay } from './BalanceDisplay';
globalThis.io = io;
globalThis.toasts = [];
globalThis.toast = { success: (text) => toasts.push(text) };
createRoot(document.body.appendChild(document.createElement('main'))).render(<BalanceDisplay />);
`

describeInBrowser('the printed React hook on http://localhost, from another port', () => {
  let folder: string
  /** The application's development server: its page has another origin than the server's. */
  let pages: Server

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'livebalance-hook-'))
  })
  afterEach(async () => {
    pages?.close()
    await rm(folder, { recursive: true, force: true })
  })

  /** Opens the application. Of the printed code only the port of the server differs. */
  async function openPage(
    port: string,
    token: string,
  ): Promise<{ page: Page; complaints: string[] }> {
    await mkdir(join(folder, 'hooks'))
    const files = {
      'hooks/useBalance.ts': PRINTED_HOOK.replace('localhost:3000', `localhost:${port}`),
      'BalanceDisplay.tsx': `${PRINTED_COMPONENT}\nexport { BalanceDisplay };`,
      'main.tsx': MAIN,
    }
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
    const { outputFiles } = await build({
      entryPoints: [join(folder, 'main.tsx')],
      nodePaths: [join(root, 'node_modules')],
      bundle: true,
      jsx: 'automatic',
      write: false,
      define: { 'process.env.NODE_ENV': '"development"' },
    })
    const script = outputFiles[0]?.text ?? ''
    pages = createServer((request, response) => {
      const isScript = request.url === '/main.js'
      response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html')
      response.end(
        isScript ? script : '<!doctype html><script type="module" src="/main.js"></script>',
      )
    })
    await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve))
    const origin = `http://localhost:${(pages.address() as AddressInfo).port}`

    const { context } = await visitor()
    await context.addInitScript((given) => {
      if (location.protocol === 'http:') localStorage.setItem('token', given)
    }, token)
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', (message) => void complaints.push(message.text()))
    await page.goto(origin)
    return { page, complaints }
  }

  test('works with the embedded server, which says that it allows such pages', async () => {
    const dataDir = await makeDataFolder()
    const server = npmStart({ PORT: '0', DATA_DIR: dataDir, DRAIN_SECONDS: '0' })
    try {
      const { url, userToken, adminToken } = await screenOf(server)
      await server.printed(/Pages of localhost .* may call, on any port/)
      const { page } = await openPage(new URL(url).port, userToken)
      await page.getByText('$0.00', { exact: true }).waitFor()
      const adjusted = await fetch(`${url}/transactions/adjustment`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${adminToken}`, 'Content-Type': 'application/json' },
        body: JSON.stringify({ userId: 'demo-user', amount: 12.5, description: 'a gift' }),
      })
      expect(adjusted.status).toBe(201)
      await page.getByText('$12.50', { exact: true }).waitFor()
      await page.getByRole('button', { name: 'Refresh' }).click()
      await page.waitForFunction('toasts.length === 2')
      await expect
        .poll(() => page.evaluate('toasts'))
        .toEqual(['Balance updated: $12.5', 'Transaction completed: $12.5'])
    } finally {
      await server.stop()
      await rm(dataDir, { recursive: true, force: true })
    }
  })

  test('is refused elsewhere, and the console and `connect_error` name CORS_ORIGINS', async () => {
    const { port } = await startLiveServer()
    const { page, complaints } = await openPage(String(port), await mintToken({ sub: 'ann' }))
    await eventually(() => expect(complaints.join('\n')).toMatch(/403 \(Not in CORS_ORIGINS\)/))
    await expect.poll(() => page.getByText('$---', { exact: true }).count()).toBe(1)
    // The message of the error is only `xhr poll error`.
    const reason = await page.evaluate<[number, string]>(`new Promise((resolve) => {
      const socket = io('http://localhost:${port}/balance', { forceNew: true, reconnection: false })
      socket.on('connect_error', ({ description, context }) => {
        resolve([description, JSON.parse(context.responseText).message])
      })
    })`)
    expect(reason).toEqual([403, expect.stringContaining('CORS_ORIGINS')])
  })
})
