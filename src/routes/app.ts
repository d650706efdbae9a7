import type { Hono } from 'hono'
import type { Authenticator } from '../auth/principal.ts'
import { factory } from '../http/context.ts'
import { notFound, onError } from '../http/errors.ts'
import { addressOf, createGuards, kindOf, limitByAddress } from '../http/middleware/authorize.ts'
import { crossOrigin } from '../http/middleware/cors.ts'
import { deadline } from '../http/middleware/deadline.ts'
import {
  RequestMeter,
  type RequestTracer,
  requestId,
  requestReport,
  traced,
} from '../http/middleware/observe.ts'
import { FixedPathRouter } from '../http/router.ts'
import type { WebPages } from '../http/web-pages.ts'
import { RefusedOrigins } from '../lib/origins.ts'
import type { RateLimiter } from '../rate-limit/limiter.ts'
import { adminRoutes } from './admin.ts'
import { affordRoutes } from './afford.ts'
import { auditRoutes } from './audit.ts'
import { balanceRoutes } from './balance.ts'
import { bulkRoutes } from './bulk.ts'
import type { RouteDeps } from './deps.ts'
import { type ApiDocuments, docsRoutes } from './docs.ts'
import { eventRoutes } from './events.ts'
import { healthRoutes, metricsRoutes } from './health.ts'
import { holdRoutes } from './hold.ts'
import { limitRoutes } from './limits.ts'
import { monitorRoutes } from './monitors.ts'
import { paymentRoutes } from './payment.ts'
import { revocationRoutes } from './revocations.ts'
import { statementRoutes } from './statement.ts'
import { ticketRoutes } from './ticket.ts'
import { topupRoutes } from './topup.ts'
import { type DemoDeps, demoRoutes, webRoutes } from './web.ts'
import { withdrawalRoutes } from './withdrawal.ts'
import { idempotencyKey } from './writes.ts'

export interface AppDeps extends Omit<RouteDeps, 'guards'> {
  authenticator: Authenticator
  /** Default: no limits. Health and metrics never have one. */
  limiter?: RateLimiter
  corsOrigins: readonly string[]
  /** Shared with the streams, so that an origin is logged once. Default: a new one. */
  refusedOrigins?: RefusedOrigins
  /** Counts and times the requests. Default: a new one. */
  requests?: RequestMeter
  /** Gives each request a span. Default: no tracing. */
  tracer?: RequestTracer | undefined
  /** A request without an answer gets 503 after this time. */
  requestTimeoutMs: number
  /** The streams over plain HTTP, mounted at `/balance`. */
  // biome-ignore lint/suspicious/noExplicitAny: a stream has variables of its own in its context
  streams?: Hono<any>
  /** The wallet page and the admin console, served at `/` and `/admin`. */
  web?: WebPages
  /** Of the console: see CONFIRM_ABOVE. Default: it asks for confirmation of every amount. */
  confirmAbove?: Readonly<Record<string, number>>
  /** `/openapi.json`, `/asyncapi.json` and `/docs`. */
  documents?: ApiDocuments
  /** One-click sign-in. Only for a server on the developer's own machine. */
  demo?: DemoDeps
}

/** The HTTP part of the server, for any runtime with `fetch` handlers. */
export function createApp({
  authenticator,
  limiter,
  corsOrigins,
  refusedOrigins,
  requests = new RequestMeter(),
  tracer,
  requestTimeoutMs,
  streams,
  web,
  confirmAbove = {},
  demo,
  documents,
  ...rest
}: AppDeps) {
  const deps: RouteDeps = { ...rest, guards: createGuards(authenticator, limiter) }
  const rateLimit = limitByAddress(limiter)

  const app = factory.createApp({ router: new FixedPathRouter() }).use(requestId)
  if (tracer) app.use(traced(tracer))
  app.use(deadline(requestTimeoutMs, requestReport(requests, rest.log)))
  app.use(crossOrigin(corsOrigins, refusedOrigins ?? new RefusedOrigins(rest.log), limiter))

  const routes = app
    .use(idempotencyKey)
    .route('/transactions/topup', topupRoutes(deps))
    .route('/transactions/withdrawal', withdrawalRoutes(deps))
    .route('/transactions/hold', holdRoutes(deps))
    .route('/transactions/balance', balanceRoutes(deps))
    .route('/transactions/monitors', monitorRoutes(deps))
    .route('/transactions/limits', limitRoutes(deps))
    .route('/transactions', auditRoutes(deps))
    .route('/transactions', affordRoutes(deps))
    .route('/transactions', bulkRoutes(deps))
    .route('/transactions', paymentRoutes(deps))
    // Last of its prefix, because `/:id` also matches the paths of the others.
    .route('/transactions', statementRoutes(deps))
    .route('/balance', ticketRoutes(deps))
    .route('/balance', eventRoutes(deps))
    .route('/admin/revocations', revocationRoutes(deps))
    .route('/admin', adminRoutes(deps))
    .route('/health', healthRoutes(deps))
    .route('/', metricsRoutes(deps))
    .onError(onError(deps.log))
    .notFound((c) => {
      limiter?.takeFrom(kindOf(c.req.method), addressOf(c, limiter))
      return notFound(c)
    })

  if (documents)
    app.route(
      '/',
      docsRoutes(documents, () => app, rateLimit),
    )
  if (streams) app.route('/balance', streams)
  if (web) {
    const { currency } = deps
    app.route('/', webRoutes({ pages: web, currency, confirmAbove, demo, rateLimit }))
  }
  if (demo) app.route('/demo', demoRoutes(demo, rateLimit))
  return routes
}

/** For `hc<AppType>()`. */
export type AppType = ReturnType<typeof createApp>
