import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { transform } from 'esbuild'
import { EventSource } from 'eventsource'
import { type ComponentType, createElement } from 'react'
import { afterEach, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { type LiveServer, openLiveServer } from '../support/client/live-server.ts'
import { inDocument } from '../support/client/rendered.ts'
import { eventually, mintToken } from '../support/index.ts'

const root = join(import.meta.dirname, '../..')

/** The code blocks of docs/guide/clients.md by the name in the comment before them. */
const examples = new Map<string, string>()
const run = new Set<string>()

let server: LiveServer
let user: string
let users = 0
let token: string
let admin: string
const page = { updateUI: vi.fn(), showNotification: vi.fn(), showError: vi.fn() }

beforeAll(async () => {
  const text = await readFile(join(root, 'docs/guide/clients.md'), 'utf8')
  for (const [, name = '', code = ''] of text.matchAll(
    /<!-- example: (\S+) -->\n```\w+\n(.*?)```/gs,
  )) {
    examples.set(name, code)
  }
  server = await openLiveServer()
  Object.assign(globalThis, page)
  return server.close
})

beforeEach(async () => {
  users += 1
  user = `reader-${users}`
  token = await mintToken({ sub: user })
  admin = await mintToken({ sub: 'ada', roles: ['admin'] })
  await server.fund(user, 100)
})

afterEach(() => {
  vi.clearAllMocks()
  vi.restoreAllMocks()
})

/** An example with a real address and real tokens. */
function example(name: string, values: Record<string, string> = {}): string {
  run.add(name)
  const filled = {
    'localhost:3000': `127.0.0.1:${server.port}`,
    'your-jwt-token': token,
    YOUR_JWT_TOKEN: token,
    ADMIN_TOKEN: admin,
    ...values,
  }
  let code = examples.get(name) ?? expect.fail(`there is no example ${name}`)
  for (const [placeholder, value] of Object.entries(filled)) {
    code = code.replaceAll(placeholder, value)
  }
  return code
}

/** Runs an example that is a module. The expression `ends` closes what the example leaves open. */
async function play(code: string, ends = ''): Promise<Record<string, unknown>> {
  const folder = await mkdtemp(join(tmpdir(), 'livebalance-example-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  const source = (path: string) => pathToFileURL(join(root, 'src/client', path)).href
  const local = code
    .replace("'livebalance/client'", `'${source('index.ts')}'`)
    .replace("'livebalance/react'", `'${source('react.ts')}'`)
  const js = await transform(`${local}\n${ends && `export const end = () => ${ends}`}`, {
    loader: 'tsx',
    jsx: 'automatic',
  })
  const file = join(folder, 'example.mjs')
  await writeFile(file, js.code)
  const module = await import(/* @vite-ignore */ pathToFileURL(file).href)
  if (ends) onTestFinished(() => module.end())
  return module
}

/** Runs a shell example. `output` grows as it prints. */
function shell(code: string): { output: string; done: Promise<unknown>; process: ChildProcess } {
  const PATH = `${join(root, 'node_modules/.bin')}:${process.env.PATH}`
  // In its own process group, so that the shell's children end with it.
  const child = spawn('sh', ['-c', code], { env: { ...process.env, PATH }, detached: true })
  const running = {
    output: '',
    process: child,
    done: new Promise((resolve) => child.on('close', resolve)),
  }
  child.stdout.on('data', (bytes) => {
    running.output += bytes
  })
  onTestFinished(async () => {
    if (child.exitCode === null && child.pid) process.kill(-child.pid)
    await running.done
  })
  return running
}

const pay = (amount: number) =>
  server.call(token, 'POST /transactions', { type: 'booking_payment', amount })

test('the library', async () => {
  await play(example('library'), 'client.close()')
  await eventually(() => expect(page.updateUI).toHaveBeenLastCalledWith(100, 'live'))
  await server.fund(user, 5)
  await eventually(() => expect(page.updateUI).toHaveBeenLastCalledWith(105, 'live'))
  await eventually(() => expect(page.showNotification).toHaveBeenCalledWith('5 booked'))
  await expect(pay(125)).rejects.toThrow('insufficient_funds')
  await eventually(() => expect(page.showError).toHaveBeenCalledWith('Need $20 more'))
})

test('tokens that expire', async () => {
  const app = createServer((request, response) => {
    response.statusCode = request.url === '/session/token' && request.method === 'POST' ? 200 : 404
    response.end(token)
  })
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void app.close())
  const { port } = app.address() as AddressInfo
  const values = { 'https://app.example.com': `http://127.0.0.1:${port}` }
  await play(`${example('token', values)}\nexport { client }`, 'client.close()').then(
    async ({ client }) => {
      const { getSnapshot } = client as { getSnapshot(): { balance: number | null } }
      await eventually(() => expect(getSnapshot().balance).toBe(100))
    },
  )
  await server.fund(user, 5)
  await eventually(() => expect(page.updateUI).toHaveBeenLastCalledWith(105))
})

test('REST calls', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  await play(example('rest'))
  expect(log).toHaveBeenCalledWith(expect.stringMatching(/^Topup [0-9a-f-]{36} of 50 is pending$/))
})

test('React', async () => {
  const { BalanceDisplay } = (await play(example('react'))) as {
    BalanceDisplay: ComponentType<{ token: string }>
  }
  const { container } = await inDocument(createElement(BalanceDisplay, { token }))
  await eventually(() => expect(container.textContent).toContain('$100.00live'))
  await server.fund(user, 5)
  await eventually(() => expect(container.textContent).toContain('$105.00live'))
  expect(page.showNotification).toHaveBeenCalledWith('Balance: $105')
  container.querySelector('button')?.click()
  expect(container.textContent).toContain('$105.00live')
})

test('EventSource', async () => {
  Object.assign(globalThis, { EventSource })
  await play(example('eventsource'), 'source.close()')
  await eventually(() => expect(page.updateUI).toHaveBeenLastCalledWith(100))
  await server.fund(user, 5)
  await eventually(() => expect(page.updateUI).toHaveBeenLastCalledWith(105))
})

test('socket.io-client', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  await play(example('socketio'), 'socket.close()')
  await eventually(() => expect(page.updateUI).toHaveBeenLastCalledWith(100))
  await server.fund(user, 5)
  await eventually(() => expect(page.updateUI).toHaveBeenLastCalledWith(105))
  expect(log).toHaveBeenCalledWith('Balance updated:', 105)
  await eventually(() =>
    expect(page.showNotification).toHaveBeenCalledWith('Transaction of $5 completed'),
  )
  await expect(pay(125)).rejects.toThrow('insufficient_funds')
  await eventually(() => expect(page.showError).toHaveBeenCalledWith('Need $20 more'))
})

test('curl', async () => {
  const stream = shell(example('curl-stream'))
  await eventually(() => expect(stream.output).toContain('"balance":100'))
  const topup = shell(example('curl-topup'))
  await topup.done
  const { id, status } = JSON.parse(topup.output)
  expect(status).toBe('pending')
  const approved = shell(example('curl-approve', { TRANSACTION_ID: id }))
  await approved.done
  expect(JSON.parse(approved.output)).toMatchObject({ status: 'success', newBalance: 150 })
  await eventually(() => expect(stream.output).toMatch(/event: balance_updated\nid: .+\n/))
})

test('wscat', async () => {
  const terminal = shell(example('wscat'))
  await eventually(() => expect(terminal.output).toContain('"balance":100'))
  await server.fund(user, 5)
  await eventually(() => expect(terminal.output).toMatch(/"event":"balance_updated".*105/))
})

test('no example was left out', () => {
  expect([...run].sort()).toEqual([...examples.keys()].sort())
  expect(examples.size).toBe(10)
})
