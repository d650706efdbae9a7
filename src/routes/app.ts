import type { Hono } from 'hono'
import type { Authenticator } from '../auth/principal.ts'
import { factory } from '../http/context.ts'
import { notFound, onError } from '../http/errors.ts'
import { createGuards } from '../http/middleware/authorize.ts'
import { crossOrigin } from '../http/middleware/cors.ts'
import { deadline } from '../http/middleware/deadline.ts'
import { idempotencyKey } from '../http/middleware/idempotency-key.ts'
import { addressOf, kindOf, limited } from '../http/middleware/rate-limited.ts'
import { requestId } from '../http/middleware/request-id.ts'
import { RequestMeter } from '../http/middleware/request-meter.ts'
import { requestReport } from '../http/middleware/request-report.ts'
import { type RequestTracer, traced } from '../http/middleware/traced.ts'
import { FixedPathRouter } from '../http/router.ts'
import type { WebPages } from '../http/web-pages.ts'
import type { RateLimiter } from '../rate-limit/limiter.ts'
import { adminRoutes } from './admin.ts'
import { auditRoutes } from './audit.ts'
import { balanceRoutes } from './balance.ts'
import { type DemoDeps, demoRoutes } from './demo.ts'
import type { RouteDeps } from './deps.ts'
import { type ApiDocuments, docsRoutes } from './docs.ts'
import { healthRoutes } from './health.ts'
import { holdRoutes } from './hold.ts'
import { limitRoutes } from './limits.ts'
import { metricsRoutes } from './metrics.ts'
import { monitorRoutes } from './monitors.ts'
import { paymentRoutes } from './payment.ts'
import { revocationRoutes } from './revocations.ts'
import { statementRoutes } from './statement.ts'
import { ticketRoutes } from './ticket.ts'
import { topupRoutes } from './topup.ts'
import { webRoutes } from './web.ts'
import { withdrawalRoutes } from './withdrawal.ts'

export interface AppDeps extends Omit<RouteDeps, 'guards'> {
  authenticator: Authenticator
  /** Default: nobody is limited. Health is never. */
  limiter?: RateLimiter
  corsOrigins: readonly string[]
  /** Counts what is asked and how long the answers take. Default: one of its own. */
  requests?: RequestMeter
  /** Gives each request a span. */
  tracer?: RequestTracer | undefined
  /** Seconds until a request without an answer gets 503. */
  requestTimeout: number
  /** Mounted at `/balance`: the streams that run over plain HTTP. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever a stream keeps on its own context is its own affair
  streams?: Hono<any>
  /** The wallet page and the admin console, served at `/` and `/admin`. */
  web?: WebPages
  /** For the console: see CONFIRM_ABOVE. Default: it asks about every amount. */
  confirmAbove?: Readonly<Record<string, number>>
  /** `/openapi.json`, `/asyncapi.json` and `/docs`. */
  documents?: ApiDocuments
  /** One-click sign-in. Give it to a server of one's own machine alone. */
  demo?: DemoDeps
}

/** The HTTP side of the server, for any runtime that speaks `fetch`. */
export function createApp({
  authenticator,
  limiter,
  corsOrigins,
  requests = new RequestMeter(),
  tracer,
  requestTimeout,
  streams,
  web,
  confirmAbove = {},
  demo,
  documents,
  ...rest
}: AppDeps) {
  const deps: RouteDeps = { ...rest, guards: createGuards(authenticator, limiter) }
  const anyone = limited(limiter)

  const app = factory.createApp({ router: new FixedPathRouter() }).use(requestId)
  if (tracer) app.use(traced(tracer))
  app.use(deadline(requestTimeout, requestReport(requests, rest.log)))
  if (corsOrigins.length > 0) app.use(crossOrigin(corsOrigins, limiter))

  const routes = app
    .use(idempotencyKey)
    .route('/transactions/topup', topupRoutes(deps))
    .route('/transactions/withdrawal', withdrawalRoutes(deps))
    .route('/transactions/hold', holdRoutes(deps))
    .route('/transactions/balance', balanceRoutes(deps))
    .route('/transactions/monitors', monitorRoutes(deps))
    .route('/transactions/limits', limitRoutes(deps))
    .route('/transactions', auditRoutes(deps))
    .route('/transactions', paymentRoutes(deps))
    // Last of its prefix: `/:id` would take what stands after it.
    .route('/transactions', statementRoutes(deps))
    .route('/balance', ticketRoutes(deps))
    .route('/admin/revocations', revocationRoutes(deps))
    .route('/admin', adminRoutes(deps))
    .route('/health', healthRoutes(deps))
    .route('/', metricsRoutes(deps.metrics))
    .onError(onError(deps.log))
    .notFound((c) => {
      limiter?.takeFrom(kindOf(c.req.method), addressOf(c, limiter))
      return notFound(c)
    })

  if (documents)
    app.route(
      '/',
      docsRoutes(documents, () => app, anyone),
    )
  if (streams) app.route('/balance', streams)
  if (web) {
    const { currency } = deps
    app.route('/', webRoutes({ pages: web, currency, confirmAbove, demo, limited: anyone }))
  }
  if (demo) app.route('/demo', demoRoutes(demo, anyone))
  return routes
}

/** For `hc<AppType>()`. */
export type AppType = ReturnType<typeof createApp>
