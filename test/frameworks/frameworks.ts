import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../src/local/ports.ts'
import { type LiveServer, openLiveServer } from '../support/client/live-server.ts'
import { eventually, mintToken } from '../support/index.ts'
import { describeInBrowser, visitor } from '../support/web/browser.ts'
import { showsBalance } from '../support/web/on-page.ts'
import { resolveWithMetro } from './metro.ts'
import { servePages } from './pages.ts'
import { createProject, type Project, SHELL } from './project.ts'

let project: Project
/** The longest of the builds, which runs beside the other tests. */
let nextBuild: Promise<string>
let pages: Awaited<ReturnType<typeof servePages>>
let server: LiveServer
/** Of `vite` and `next start`, which serve their pages themselves. */
let ports: { vite: number; next: number }

beforeAll(async () => {
  project = await createProject()
  nextBuild = project.run('next', 'next', ['build'])
  nextBuild.catch(() => {})
  pages = await servePages((name) => project.path('programs', name, 'dist'))
  ports = { vite: await freePort(), next: await freePort() }
  const own = Object.values(ports).map((port) => `http://localhost:${port}`)
  server = await openLiveServer({ CORS_ORIGINS: [pages.url, ...own].join() })
}, 300_000)

afterAll(async () => {
  await server?.close()
  pages?.close()
  await project?.remove()
})

describeInBrowser('in a browser, the balance appears and follows a payment', () => {
  /** @returns the query that tells a program its server and its user */
  async function queryOf(user: string): Promise<string> {
    await server.fund(user, 10)
    const token = await mintToken({ sub: user })
    return new URLSearchParams({ server: server.url, token }).toString()
  }

  async function followsPayment(page: Page, user: string): Promise<void> {
    await showsBalance(page, '10.00')
    const payment = { type: 'booking_payment', amount: 4, description: 'a room' }
    await server.call(await mintToken({ sub: user }), 'POST /transactions', payment)
    await showsBalance(page, '6.00')
  }

  /** Opens a page in a profile of its own. An error in its console fails the test. */
  async function open(url: string): Promise<Page> {
    return (await visitor()).open(url)
  }

  /** Starts a server of a framework, which ends with the test. */
  async function serve(program: string, command: string, args: string[], url: string) {
    const child = spawn(project.path('node_modules/.bin', command), args, {
      cwd: project.path('programs', program),
      env: SHELL,
      stdio: 'ignore',
    })
    const ended = once(child, 'exit')
    onTestFinished(async () => {
      child.kill('SIGTERM')
      await ended
    })
    await eventually(async () => expect((await fetch(url)).ok).toBe(true), { timeout: 60_000 })
  }

  test.each(['vite-react', 'vite-vue', 'vite-svelte'])('built by Vite: %s', async (program) => {
    await project.run(program, 'vite', ['build'])
    await followsPayment(await open(`${pages.url}/${program}/?${await queryOf(program)}`), program)
  })

  test("Vite's development server, with React in StrictMode", async () => {
    const url = `http://localhost:${ports.vite}`
    await serve('vite-react', 'vite', ['--port', String(ports.vite), '--strictPort'], url)
    await followsPayment(await open(`${url}/?${await queryOf('developer')}`), 'developer')
  })

  test('built by webpack', async () => {
    await project.run('webpack', 'build.cjs')
    await followsPayment(await open(`${pages.url}/webpack/?${await queryOf('packer')}`), 'packer')
  })

  test('Next.js renders the page on the server without a connection, and it goes live in the browser', async () => {
    await nextBuild
    const url = `http://localhost:${ports.next}`
    await serve('next', 'next', ['start', '--port', String(ports.next)], url)
    const address = `${url}/?${await queryOf('reader')}`
    const rendered = await (await fetch(address)).text()
    expect(rendered).toMatch(/data-testid="key">[\da-f-]{36}</)
    expect(rendered).toMatch(/data-testid="balance" data-state="idle">none</)
    await followsPayment(await open(address), 'reader')
  })
})

describe("React Native's resolver", () => {
  // Metro reads the field `react-native` before `exports`, so the answer is always the same.
  test.each([
    [true, true],
    [true, false],
    [false, true],
    [false, false],
  ])(
    'with package exports %s and `import` %s, it finds the library',
    (packageExports, isEsmImport) => {
      const resolve = (name: string) =>
        resolveWithMetro(project.path('.'), name, { packageExports, isEsmImport })
      const folder = 'node_modules/livebalance/dist/src/client'
      expect(resolve('livebalance/client')).toBe(`${folder}/index.cjs`)
      expect(resolve('livebalance/react')).toBe(`${folder}/react.cjs`)
    },
  )
})

describe('TypeScript', () => {
  test.each([
    ['node10', 'commonjs', ['consumer.tsx']],
    ['node16', 'node16', ['consumer.tsx', 'consumer.cts']],
    ['bundler', 'esnext', ['consumer.tsx']],
  ])(
    'moduleResolution %s finds the types, and they hold',
    async (moduleResolution, module, files) => {
      const name = `tsconfig.${moduleResolution}.json`
      const config = {
        extends: './tsconfig.json',
        compilerOptions: { module, moduleResolution },
        files,
      }
      await writeFile(project.path('programs/types', name), JSON.stringify(config))
      expect(await project.run('types', 'tsc', ['-p', name])).toBe('')
    },
    120_000,
  )
})

test('require() loads the library, also where Node cannot require a module', async () => {
  const script = `
    const { createBalanceClient, createApi } = require('livebalance/client')
    const { useBalance } = require('livebalance/react')
    console.log(typeof createBalanceClient, typeof createApi, typeof useBalance)`
  await mkdir(project.path('programs/node'), { recursive: true })
  await writeFile(project.path('programs/node/main.cjs'), script)
  const flags = process.allowedNodeEnvironmentFlags.has('--no-experimental-require-module')
    ? ['--no-experimental-require-module']
    : []
  const output = await project.run(
    'node',
    flags[0] ?? 'main.cjs',
    flags.length > 0 ? ['main.cjs'] : [],
  )
  expect(output.trim()).toBe('function function function')
})
