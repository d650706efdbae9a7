import type { Context, MiddlewareHandler } from 'hono'
import { type Env, factory } from '../http/context.ts'
import { answer } from '../http/json-response.ts'
import { isLocal } from '../http/loopback.ts'
import { StaticDocument } from '../http/static-document.ts'
import type { WebFiles, WebPages } from '../http/web-pages.ts'
import { ApiError } from '../lib/api-error.ts'
import type { DemoDeps } from './demo.ts'

export interface WebDeps {
  pages: WebPages
  /** Currency of wallets that name none. */
  currency: string
  /** By currency, `*` for all others: amounts above which the console asks again. */
  confirmAbove: Readonly<Record<string, number>>
  demo: DemoDeps | undefined
  limited: MiddlewareHandler<Env>
}

const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
}

/** The wallet page, the admin console and what they load. */
export function webRoutes({ pages, currency, confirmAbove, demo, limited }: WebDeps) {
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
    if (!bytes) throw notFound()
    return send(c, name, bytes, {
      'Cache-Control': 'no-cache',
      'Content-Security-Policy': contentSecurityPolicy(c.req.header('Host')),
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Permissions-Policy': 'camera=(), geolocation=(), microphone=(), payment=()',
    })
  }

  return (
    factory
      .createApp()
      .get('/', limited, page('wallet.html'))
      .get('/admin', limited, page('admin.html'))
      // What the pages cannot know when they are built.
      .get('/session.json', limited, (c) =>
        answer(c, { currency, confirmAbove, demo: demo !== undefined && isLocal(c) }),
      )
      .get('/assets/:name', limited, async (c) => {
        const name = c.req.param('name')
        const bytes = name.endsWith('.html') ? undefined : (await built(pages)).get(name)
        if (!bytes) throw notFound()
        return send(c, name, bytes, { 'Cache-Control': 'public, max-age=31536000, immutable' })
      })
  )
}

/**
 * Nothing inline, nothing of other servers, no text turned into HTML. `'self'` does not cover WebSockets
 * in every browser, so that this host is named.
 */
function contentSecurityPolicy(host: string | undefined): string {
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
    "trusted-types 'none'",
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

const notFound = () => new ApiError(404, 'not_found', 'There is nothing here.')
