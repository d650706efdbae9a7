import type { Context, MiddlewareHandler } from 'hono'
import * as z from 'zod'
import { type Env, factory } from '../http/context.ts'
import { notFoundError } from '../http/errors.ts'
import { isNavigation, NAVIGATION_HEADERS } from '../http/navigation.ts'
import { answer, json } from '../http/payload.ts'
import { StaticDocument } from '../http/static-document.ts'
import type { WebFiles, WebPages } from '../http/web-pages.ts'
import { ApiError } from '../lib/api-error.ts'
import { originIn } from '../rate-limit/client-address.ts'

export interface WebDeps {
  pages: WebPages
  /** Currency of wallets that name none. */
  currency: string
  /** Amounts by currency, `*` for all others. Above them, the console asks for confirmation. */
  confirmAbove: Readonly<Record<string, number>>
  demo: DemoDeps | undefined
  /** The identity provider that people sign in with. `only`: the pages offer no other way. */
  provider?: { name: string; only: boolean } | undefined
  rateLimit: MiddlewareHandler<Env>
}

const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
  png: 'image/png',
  webmanifest: 'application/manifest+json',
}

/** The name of a file that never changes, because it contains a hash of the content. */
const HASHED = /-[A-Z0-9]{8}\.[a-z0-9]+$/

/** The wallet page, the screens of the admin console, and their assets. Mount it before the REST routes of `/admin`. */
export function webRoutes(deps: WebDeps) {
  const { pages, currency, confirmAbove, demo, provider, rateLimit } = deps
  const documents = new WeakMap<Uint8Array, StaticDocument>()

  const send = (
    c: Context<Env>,
    name: string,
    bytes: Uint8Array,
    headers: Record<string, string>,
  ) => {
    const type = TYPES[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream'
    const document = documents.get(bytes) ?? new StaticDocument(bytes, type)
    documents.set(bytes, document)
    return document.send(c, { ...headers, 'Cross-Origin-Resource-Policy': 'same-origin' })
  }

  const page = (name: string) => async (c: Context<Env>) => {
    const bytes = (await built(pages)).get(name)
    if (!bytes) throw notFoundError()
    return send(c, name, bytes, {
      'Cache-Control': 'no-cache',
      'Content-Security-Policy': contentSecurityPolicy(
        c.req.header('Host'),
        name === 'wallet.html',
      ),
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Permissions-Policy': 'camera=(), geolocation=(), microphone=(), payment=()',
    })
  }

  /** A file whose name says nothing about its version. */
  const file = (name: string) => async (c: Context<Env>) => {
    const bytes = (await built(pages)).get(name)
    if (!bytes) throw notFoundError()
    return send(c, name, bytes, { 'Cache-Control': 'no-cache' })
  }

  return (
    factory
      .createApp()
      .get('/', rateLimit, page('wallet.html'))
      .get('/admin', rateLimit, page('admin.html'))
      // Where the identity provider gives people back. Those of the console come to `/admin/sign-in`.
      .get('/sign-in', rateLimit, page('wallet.html'))
      // A screen of the console can have the path of a REST route, so only a navigation gets the page.
      .use('/admin/*', async (c, next) => {
        const vary = [c.var.headers.Vary, NAVIGATION_HEADERS].filter(Boolean).join(', ')
        Object.assign(c.var.headers, { Vary: vary })
        if (!isNavigation(c)) return next()
        await rateLimit(c, async () => {})
        return page('admin.html')(c)
      })
      .get('/manifest.webmanifest', rateLimit, file('manifest.webmanifest'))
      // At the root, because a worker is responsible for the paths below its own.
      .get('/worker.js', rateLimit, file('worker.js'))
      // Settings of this server, which the built pages cannot contain.
      .get('/session.json', rateLimit, (c) =>
        answer(c, {
          ...{ currency, confirmAbove },
          demo: demo !== undefined && isLocal(c),
          ...(provider && { provider: { name: provider.name, only: provider.only } }),
        }),
      )
      .get('/assets/:name', rateLimit, async (c) => {
        const name = c.req.param('name')
        const bytes = HASHED.test(name) ? (await built(pages)).get(name) : undefined
        if (!bytes) throw notFoundError()
        return send(c, name, bytes, { 'Cache-Control': 'public, max-age=31536000, immutable' })
      })
  )
}

/**
 * Allows no inline code, no other host and no text as HTML. In some browsers, `'self'` does not include
 * WebSockets, so their URLs are listed.
 * @param hasWorker the page may start its service worker, by a policy that allows no other script
 */
function contentSecurityPolicy(host: string | undefined, hasWorker: boolean): string {
  const sockets = host && /^[\w.:[\]-]+$/.test(host) ? ` ws://${host} wss://${host}` : ''
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src 'self'${sockets}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    ...(hasWorker
      ? ['trusted-types worker', "worker-src 'self'", "manifest-src 'self'"]
      : ["trusted-types 'none'"]),
  ].join('; ')
}

async function built(pages: WebPages): Promise<WebFiles> {
  try {
    return await pages()
  } catch (error) {
    throw new ApiError(503, 'unavailable', 'The pages are not built: run npm run build:web.', {
      cause: error,
    })
  }
}

export type DemoRole = 'user' | 'admin'

/** Sign-in without a password, for a server on the developer's own machine. */
export interface DemoDeps {
  /** `expiresAt` is ISO 8601. */
  session(as: DemoRole): Promise<{ token: string; userId: string; expiresAt: string }>
}

/** `/demo`: gives a token to a client on this machine. For any other client the route does not exist. */
export function demoRoutes({ session }: DemoDeps, rateLimit: MiddlewareHandler<Env>) {
  return factory.createApp().post(
    '/session',
    rateLimit,
    async (c, next) => {
      if (!isLocal(c)) throw notFoundError()
      await next()
    },
    json(z.strictObject({ as: z.enum(['user', 'admin']) })),
    async (c) => answer(c, await session(c.req.valid('json').as), 201),
  )
}

const LOOPBACK_ADDRESS = /^(127(\.\d{1,3}){3}|::1|::ffff:127(\.\d{1,3}){3})$/

/** Headers that only a proxy or a tunnel adds. With one of them, the origin of the request is unknown. */
const FORWARDED = ['Forwarded', 'X-Forwarded-For', 'X-Forwarded-Host', 'X-Real-IP', 'Via']

/**
 * Whether the request comes from this machine and was meant for it. The socket's address must be a loopback
 * address. The Host header must be a loopback name, because another site can resolve its own name to
 * 127.0.0.1. So must the Origin, if there is one.
 */
function isLocal(c: Context): boolean {
  if (!LOOPBACK_ADDRESS.test(originIn(c.env)?.socket.remoteAddress ?? '')) return false
  if (FORWARDED.some((name) => c.req.header(name) !== undefined)) return false
  const host = c.req.header('Host')
  const origin = c.req.header('Origin')
  if (host === undefined || !isLoopbackName(`http://${host}`)) return false
  return origin === undefined || (isLoopbackName(origin) && new URL(origin).host === host)
}

function isLoopbackName(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { hostname } = new URL(url)
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    LOOPBACK_ADDRESS.test(hostname)
  )
}
