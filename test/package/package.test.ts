import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../src/local/ports.ts'
import { createEmptyDatabase, eventually, TEST_SECRET } from '../support/index.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')

/** What the build reads of a checkout, and what is packed. */
const CHECKOUT = [
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
  'docs',
  'scripts',
  'sql',
  'src',
  'test',
  'web',
]

const CONSUMER = `
import { createApi, createBalanceClient, type BalanceSnapshot } from 'livebalance/client'
import { bunOptions, denoHandler, startBalance } from 'livebalance/edge'
import { useBalance } from 'livebalance/react'
import { createServiceClient, LivebalanceError, type Transaction, verifyWebhook } from 'livebalance/server'

const client = createBalanceClient({ url: 'http://localhost:3000', getToken: async () => 'a token' })
client.on('balance_updated', ({ newBalance }) => newBalance.toFixed(2))
client.on('*', (event) => {
  if (event.event === 'balance_insufficient') return event.shortfall.toFixed(2)
})
// @ts-expect-error there is no such event
client.on('balance_upset', () => {})
export const snapshot: BalanceSnapshot = client.getSnapshot()
// @ts-expect-error a client needs a token
createBalanceClient({ url: 'http://localhost:3000' })

const api = createApi({ url: 'http://localhost:3000', token: 'a token' })
const answer = await api.transactions.topup.$post({ json: { amount: 50 } })
export const { amount, status } = await answer.json()
export const doubled: number = amount * 2
// @ts-expect-error the amount is missing
await api.transactions.topup.$post({ json: { description: 'nothing' } })

const shop = createServiceClient({ url: 'http://localhost:3000', token: async () => 'a token' })
export const paid: Transaction = await shop.pay({ userId: 'alice', amount: '30.00' })
for await (const { amount, status } of shop.transactions({ userId: 'alice', limit: 10 })) amount.toFixed(2) + status
const { results } = await shop.bulk({ commands: [{ type: 'hold', userId: 'alice', amount: 5 }] })
export const refused: string[] = results.flatMap((result) => ('code' in result ? [result.code] : []))
export const isPoor = (error: unknown) => error instanceof LivebalanceError && error.code === 'insufficient_funds'
const delivery = await verifyWebhook('{}', new Headers(), ['whsec_a', 'whsec_b'])
export const debit = delivery.type === 'transaction_completed' && delivery.amount < 0 ? delivery.userId : null
for await (const { event, userId, remaining } of shop.stream()) event + userId + remaining.toFixed(2)
// @ts-expect-error the amount is missing
await shop.pay({ userId: 'alice' })
// @ts-expect-error there is no such filter
await shop.transactions({ colour: 'red' })
// @ts-expect-error there is no such code
export const isOdd = (error: LivebalanceError) => error.code === 'odd'

const balance = await startBalance({ DATABASE_URL: 'postgres://localhost/balance' })
export const served: Promise<Response> = balance.fetch(new Request('http://localhost/'))
export const handler = denoHandler(balance)
export const { websocket } = bunOptions(balance)
// @ts-expect-error a setting is text
await startBalance({ DRAIN_SECONDS: 10 })

export function Balance({ token }: { token: string | null }) {
  const { balance, refreshBalance, status, lastEvent } = useBalance(token)
  void refreshBalance()
  return [balance?.toFixed(2), status.state, lastEvent?.event]
}
`

let work: string
let tarball: string
let contents: string[]
/** A project that installed the package, its dependencies, and the optional ones. */
let project: string

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'livebalance-package-'))
  const checkout = join(work, 'checkout')
  for (const name of CHECKOUT) {
    await cp(join(root, name), join(checkout, name), { recursive: true })
  }
  await symlink(join(root, 'node_modules'), join(checkout, 'node_modules'))
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', work], {
    cwd: checkout,
  })
  // The scripts that build it print first.
  const [packed] = Object.values(JSON.parse(stdout.slice(stdout.search(/^[[{]$/m)))) as [
    { filename: string; files: { path: string }[] },
  ]
  tarball = join(work, packed.filename)
  contents = packed.files.map(({ path }) => path)

  project = join(work, 'project')
  const installed = join(project, 'node_modules/livebalance')
  await mkdir(installed, { recursive: true })
  await run('tar', ['xzf', tarball, '-C', installed, '--strip-components=1'])
  const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  for (const name of [...Object.keys(dependencies), 'react', 'socket.io-client', '@types/react']) {
    const place = join(project, 'node_modules', name)
    await mkdir(dirname(place), { recursive: true })
    await symlink(join(root, 'node_modules', name), place)
  }
  await writeFile(join(project, 'package.json'), '{"type": "module", "private": true}')
  await writeFile(join(project, 'consumer.ts'), CONSUMER)
}, 300_000)

afterAll(() => rm(work, { recursive: true, force: true }))

test('holds the client, the server, its SQL and its pages', () => {
  expect(contents).toEqual(
    expect.arrayContaining([
      'LICENSE',
      'README.md',
      'CHANGELOG.md',
      'docs/guide/clients.md',
      'docs/guide/server-sdk.md',
      'dist/src/client/index.js',
      'dist/src/client/index.d.ts',
      'dist/src/client/index.cjs',
      'dist/src/client/index.d.cts',
      'dist/src/client/react.js',
      'dist/src/client/react.d.ts',
      'dist/src/server-sdk/index.js',
      'dist/src/server-sdk/index.d.ts',
      'dist/src/server-sdk/index.cjs',
      'dist/src/server-sdk/index.d.cts',
      'dist/src/main.js',
      'dist/src/cli/main.js',
      'dist/src/edge/index.js',
      'dist/src/edge/index.d.ts',
      'dist/sql/migrations/0001_ledger.sql',
      'dist/web/wallet.html',
      'dist/web/admin.html',
    ]),
  )
})

test('holds nothing else', () => {
  const known =
    /^(LICENSE|README\.md|CHANGELOG\.md|package\.json|docs\/guide\/(clients|server-sdk)\.md|dist\/(package\.json|licenses\.txt|src\/.+\.(js|js\.map|d\.ts)|src\/(client|server-sdk)\/\w+\.(cjs|cjs\.map|d\.cts)|sql\/(.+\.sql|(revision|checksums)\.json)|web\/[^/]+\.(html|js|css|svg|png|webmanifest)))$/
  expect(contents.filter((path) => !known.test(path))).toEqual([])
})

test('publint finds nothing wrong with it', async () => {
  const { messages, pkg } = await publint({
    pkgDir: join(project, 'node_modules/livebalance'),
    pack: false,
    strict: true,
  })
  expect(messages.map((message) => formatMessage(message, pkg))).toEqual([])
})

describe.each([
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
])('in a fresh project with module %s and moduleResolution %s', (module, moduleResolution) => {
  test.each(['true', 'false'])(
    'the types resolve and hold, with skipLibCheck %s',
    async (skip) => {
      const options = { module, moduleResolution, skipLibCheck: skip }
      const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
      const tsc = join(root, 'node_modules/.bin/tsc')
      // One may lie above the temporary folder.
      const always = [
        '--ignoreConfig',
        '--noEmit',
        '--strict',
        '--target',
        'es2022',
        '--lib',
        'es2022,dom',
      ]
      const checked = run(tsc, [...always, '--types', '', ...flags, 'consumer.ts'], {
        cwd: project,
      })
      await expect(checked.catch(({ stdout }) => ({ stdout }))).resolves.toMatchObject({
        stdout: '',
      })
    },
    60_000,
  )
})

test('its server brings an empty database up to date, answers, shows its pages and ends well', async () => {
  const database = await createEmptyDatabase()
  const port = await freePort()
  const child = spawn(process.execPath, ['node_modules/livebalance/dist/src/main.js'], {
    cwd: project,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: database.ownerUrl,
      DATA_DIR: join(work, 'data'),
      JWT_SECRET: TEST_SECRET,
      NODE_ENV: 'production',
      DRAIN_SECONDS: '0',
      HOST: '127.0.0.1',
      PORT: String(port),
    },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const ended = once(child, 'exit')
  try {
    const get = (path: string) => fetch(`http://127.0.0.1:${port}${path}`)
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(output)
      expect((await get('/health/ready')).status).toBe(200)
    })
    expect(await (await get('/')).text()).toContain('<!doctype html>')
    expect(await (await get('/openapi.json')).json()).toMatchObject({ openapi: '3.1.0' })
  } finally {
    child.kill('SIGTERM')
  }
  expect([await ended, output]).toEqual([[0, null], expect.stringContaining('is ready')])
  await database.drop()
})

test('carries the license of every library in it', async () => {
  const licenses = join(project, 'node_modules/livebalance/dist/licenses.txt')
  const text = await readFile(licenses, 'utf8')
  for (const name of ['hono', 'ioredis', 'postgres', 'socket.io', 'zod']) {
    expect(text).toMatch(new RegExp(`^${name} \\d.*\n\n.*(MIT|Unlicense|license)`, 'im'))
  }
})

test('plain Node imports it', async () => {
  const script = `
    const { createBalanceClient, createApi } = await import('livebalance/client')
    const { useBalance } = await import('livebalance/react')
    const { createServiceClient, verifyWebhook } = await import('livebalance/server')
    console.log(typeof createBalanceClient, typeof createApi, typeof useBalance)
    console.log(typeof createServiceClient, typeof verifyWebhook)`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], {
    cwd: project,
  })
  expect(stdout).toBe('function function function\nfunction function\n')
})

test('it brings the command livebalance', async () => {
  const installed = join(project, 'node_modules/livebalance')
  const { bin, version } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'))
  const program = join(installed, bin.livebalance)
  expect(await readFile(program, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
  const { stdout } = await run(process.execPath, [program, '--version'], { cwd: project })
  expect(stdout).toBe(`${version}\n`)
})
