import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { describe, expect, onTestFinished, test } from 'vitest'
import { claimNames, parseVariables } from '../../src/config/config.ts'
import type { Env } from '../../src/http/context.ts'
import { requestId } from '../../src/http/middleware/observe.ts'
import { webPages } from '../../src/http/web-pages.ts'
import { createDemo } from '../../src/local/demo.ts'
import { docsRoutes } from '../../src/routes/docs.ts'
import type { DemoDeps } from '../../src/routes/web.ts'
import { edge } from '../support/http/stub.ts'

const { app } = edge({ web: webPages() })

describe('the pages', () => {
  test.each(['/', '/admin'])(
    '%s allows nothing inline and nothing of other servers',
    async (path) => {
      const response = await app.request(path, { headers: { Host: 'wallet.example:8443' } })
      const html = await response.text()
      expect(response.status).toBe(200)
      expect(html).not.toMatch(/<style|style=|<script(?![^>]*src=)|https?:/)
      const policy = response.headers.get('Content-Security-Policy')?.split('; ')
      expect(policy).toEqual([
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self' ws://wallet.example:8443 wss://wallet.example:8443",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        ...(path === '/'
          ? ['trusted-types worker', "worker-src 'self'", "manifest-src 'self'"]
          : ["trusted-types 'none'"]),
      ])
      expect(response.headers.get('X-Frame-Options')).toBe('DENY')
      expect(response.headers.get('Referrer-Policy')).toBe('no-referrer')
    },
  )

  const HTML = 'text/html,application/xhtml+xml,*/*;q=0.8'
  const statusOf = async (path: string, headers: Record<string, string>) => {
    const response = await app.request(path, { headers })
    return `${response.status} ${response.headers.get('Content-Type')?.split(';')[0]}`
  }

  test.each([
    '/admin/users/ann',
    '/admin/requests?currency=EUR',
    '/admin/webhooks/w1',
    '/admin/nothing',
  ])('a browser that opens %s gets the console', async (path) => {
    const navigation = { Accept: HTML, 'Sec-Fetch-Mode': 'navigate' }
    expect(await statusOf(path, navigation)).toBe('200 text/html')
    // Over plain HTTP browsers do not say that they navigate. A proxy may add credentials.
    expect(await statusOf(path, { Accept: HTML })).toBe('200 text/html')
    const proxied = { ...navigation, Authorization: 'Bearer of-a-proxy' }
    expect(await statusOf(path, proxied)).toBe('200 text/html')
    const { headers } = await app.request(path, { headers: navigation })
    expect(headers.get('Vary')).toMatch(/Accept, Authorization, Sec-Fetch-Mode/)
    expect(headers.get('Content-Security-Policy')).toContain("script-src 'self'")
  })

  test.each([
    ['a script', { Accept: '*/*', 'Sec-Fetch-Mode': 'cors' }],
    ['a script that asks for HTML', { Accept: HTML, 'Sec-Fetch-Mode': 'cors' }],
    ['an HTTP client that prefers HTML', { Accept: 'text/html, */*', Authorization: 'Bearer x' }],
    ['a client without a token', {}],
  ])('the same path is a REST route for %s', async (_, headers) => {
    const response = await app.request('/admin/requests', { headers })
    expect(response.status).toBe(401)
    expect(await response.json()).toMatchObject({ code: 'unauthorized' })
    expect(response.headers.get('Vary')).toMatch(/Accept, Authorization, Sec-Fetch-Mode/)
  })

  test('only reading a page is a navigation', async () => {
    const form = { Accept: HTML, 'Sec-Fetch-Mode': 'navigate' }
    const response = await app.request('/admin/webhooks', { method: 'POST', headers: form })
    expect(response.status).toBe(401)
  })

  test('a Host header cannot write into the policy', async () => {
    const response = await app.request('/', { headers: { Host: "x; script-src 'unsafe-inline'" } })
    expect(response.headers.get('Content-Security-Policy')).not.toContain('unsafe')
  })

  test('a page is asked for anew every time, what it loads is kept for ever', async () => {
    const page = await app.request('/')
    expect(page.headers.get('Cache-Control')).toBe('no-cache')
    const tag = page.headers.get('ETag') ?? ''
    const again = await app.request('/', { headers: { 'If-None-Match': tag } })
    expect([again.status, await again.text()]).toEqual([304, ''])

    const assets = [...(await page.text()).matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path]) => path)
    // Icon, style, script, and the parts that it imports.
    expect(assets.length).toBeGreaterThan(3)
    for (const path of assets) {
      const asset = await app.request(String(path))
      expect([path, asset.status]).toEqual([path, 200])
      expect(asset.headers.get('Cache-Control')).toBe('public, max-age=31536000, immutable')
      expect(asset.headers.get('X-Content-Type-Options')).toBe('nosniff')
    }
  })

  test('text travels compressed to those who can read it', async () => {
    const response = await app.request('/', { headers: { 'Accept-Encoding': 'gzip, br' } })
    expect(response.headers.get('Content-Encoding')).toBe('gzip')
    expect(response.headers.get('Vary')).toContain('Accept-Encoding')
  })

  test.each(['/', '/openapi.json', '/asyncapi.json', '/docs'])(
    '%s is sent once to who keeps it, and as the client can read it',
    async (path) => {
      const ask = (headers: Record<string, string> = {}) => app.request(path, { headers })
      const plain = await ask()
      const text = await plain.text()
      expect(plain.headers.get('Content-Encoding')).toBeNull()
      const tag = plain.headers.get('ETag') ?? ''
      for (const [asked, encoding, unpack] of [
        ['gzip', 'gzip', gunzipSync],
        ['br, gzip;q=0.5', 'br', brotliDecompressSync],
        ['gzip;q=0, br', 'br', brotliDecompressSync],
      ] as const) {
        const packed = await ask({ 'Accept-Encoding': asked })
        expect(packed.headers.get('Content-Encoding')).toBe(encoding)
        expect(packed.headers.get('Vary')).toContain('Accept-Encoding')
        expect(packed.headers.get('ETag')).not.toBe(tag)
        expect(String(unpack(Buffer.from(await packed.arrayBuffer())))).toBe(text)
      }
      expect(
        (await ask({ 'Accept-Encoding': 'gzip;q=0' })).headers.get('Content-Encoding'),
      ).toBeNull()
      for (const tags of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
        const again = await ask({ 'If-None-Match': tags })
        expect([tags, again.status, await again.text()]).toEqual([tags, 304, ''])
      }
      expect((await ask({ 'If-None-Match': '"other"' })).status).toBe(200)
    },
  )

  test('a document is made once, also for a thousand who ask for it in one moment', async () => {
    let made = 0
    const pages = new Hono<Env>().use(requestId).route(
      '/',
      docsRoutes(
        {
          async openApi() {
            made += 1
            if (made === 1) throw new Error('not this time')
            return { openapi: '3.1.0' }
          },
          asyncApi: async () => ({}),
          page: async () => '',
        },
        () => new Hono<Env>(),
        (_, next) => next(),
      ),
    )
    expect((await pages.request('/openapi.json')).status).toBe(500)
    const all = Array.from({ length: 1000 }, () => pages.request('/openapi.json'))
    for (const answer of await Promise.all(all)) expect(answer.status).toBe(200)
    expect(made).toBe(2)
  })

  test.each(['wallet.html', '..%2f..%2fpackage.json', 'nothing.js', '__proto__'])(
    '/assets/%s is not there',
    async (name) => {
      expect((await app.request(`/assets/${name}`)).status).toBe(404)
    },
  )

  test('pages that cannot be built say what to do, and the API goes on', async () => {
    const { app } = edge({ web: () => Promise.reject(new Error('no esbuild')) })
    const response = await app.request('/')
    expect(response.status).toBe(503)
    expect(await response.text()).toContain('npm run build:web')
    expect((await app.request('/health/live')).status).toBe(200)
  })
})

describe('the demo sign-in', () => {
  const demo: DemoDeps = {
    session: async (as) => ({
      token: 'x',
      userId: `demo-${as}`,
      expiresAt: '2030-01-01T00:00:00Z',
    }),
  }

  /** The status of a sign-in, and whether the pages offer it. */
  async function tryOver(headers: Record<string, string>, deps: { demo?: DemoDeps } = { demo }) {
    const { app } = edge({ web: webPages(), ...deps })
    const server = createAdaptorServer({ fetch: app.fetch })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const all = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value.replace('PORT', String(port))]),
    )
    const ask = (method: string, path: string, body?: string) =>
      new Promise<{ status: number; body: Record<string, unknown> }>((resolve, reject) => {
        const sent = request(
          {
            port,
            host: '127.0.0.1',
            method,
            path,
            headers: { 'Content-Type': 'application/json', ...all },
          },
          async (response) => {
            const body = (await json(response)) as Record<string, unknown>
            resolve({ status: response.statusCode ?? 0, body })
          },
        )
        sent.on('error', reject)
        sent.end(body)
      })
    const { status } = await ask('POST', '/demo/session', '{"as":"admin"}')
    const { body } = await ask('GET', '/session.json')
    return { status, offered: body.demo }
  }

  test.each([
    ['127.0.0.1', {}],
    ['localhost', { Host: 'localhost:PORT' }],
    ['a page of its own', { Host: 'localhost:PORT', Origin: 'http://localhost:PORT' }],
  ])('lets in whoever sits at the machine: %s', async (_, headers) => {
    expect(await tryOver(headers)).toEqual({ status: 201, offered: true })
  })

  test.each([
    ['a name that was made to resolve here', { Host: 'evil.example:PORT' }],
    ['a name that begins like ours', { Host: 'localhost.evil.example' }],
    ['a page of another site', { Host: 'localhost:PORT', Origin: 'https://evil.example' }],
    ['a page of another port', { Host: 'localhost:PORT', Origin: 'http://localhost:1' }],
    ['a proxy', { 'X-Forwarded-For': '203.0.113.9' }],
    ['a tunnel', { Forwarded: 'for=203.0.113.9' }],
  ])('does not exist for %s', async (_, headers) => {
    expect(await tryOver(headers)).toEqual({ status: 404, offered: false })
  })

  test('does not exist where it was not given to the app', async () => {
    expect(await tryOver({}, {})).toEqual({ status: 404, offered: false })
  })

  test.each([
    ['with a database of one’s own', { databaseUrl: 'postgres://db/x' }],
    ['in production', { production: true }],
  ])('is not given to the app %s', (_, part) => {
    const embedded = {
      databaseUrl: undefined,
      tokenKeys: { kind: 'generated' as const },
      jwtIssuers: undefined,
      jwtClaims: claimNames(parseVariables({})),
      jwtAudience: undefined,
      jwtMaxLifetime: undefined,
      production: false,
    }
    const secret = 'a secret of at least thirty-two bytes'
    expect(createDemo(embedded, secret)).toBeDefined()
    expect(createDemo({ ...embedded, ...part }, secret)).toBeUndefined()
    expect(createDemo(embedded, undefined)).toBeUndefined()
  })
})
