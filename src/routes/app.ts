import type { Hono } from 'hono'
import type { Authenticator } from '../auth/principal.ts'
import type { SignIn } from '../auth/sign-in.ts'
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
import { EffectiveSettings } from '../tenants/effective-settings.ts'
import { adminRoutes } from './admin.ts'
import { affordRoutes } from './afford.ts'
import { analyticsRoutes } from './analytics.ts'
import { auditRoutes } from './audit.ts'
import { autoTopupRoutes } from './auto-topup.ts'
import { balanceRoutes } from './balance.ts'
import { bulkRoutes } from './bulk.ts'
import { deedRoutes } from './deeds.ts'
import type { RouteDeps } from './deps.ts'
import { type ApiDocuments, docsRoutes } from './docs.ts'
import { eventRoutes } from './events.ts'
import { freezeRoutes } from './freeze.ts'
import { healthRoutes, metricsRoutes } from './health.ts'
import { holdRoutes } from './hold.ts'
import { keyRoutes, platformKeyRoutes } from './keys.ts'
import { limitRoutes } from './limits.ts'
import { monitorRoutes } from './monitors.ts'
import { paymentRoutes } from './payment.ts'
import { platformRoutes } from './platform.ts'
import { policyListRoutes } from './policy-lists.ts'
import { providerEventRoutes } from './provider-events.ts'
import { providerRoutes } from './providers.ts'
import { pushRoutes } from './push.ts'
import { revocationRoutes } from './revocations.ts'
import { searchRoutes } from './search.ts'
import { settingsRoutes } from './settings.ts'
import { signInRoutes } from './sign-in.ts'
import { statementRoutes } from './statement.ts'
import { ticketRoutes } from './ticket.ts'
import { topupRoutes } from './topup.ts'
import { trailRoutes } from './trail.ts'
import { type DemoDeps, demoRoutes, type WebDeps, webRoutes } from './web.ts'
import { webhookRoutes } from './webhooks.ts'
import { withdrawalRoutes } from './withdrawal.ts'
import { idempotencyKey } from './writes.ts'

export interface AppDeps extends Omit<RouteDeps, 'guards'> {
  authenticator: Authenticator
  /** Default: no limits. Health and metrics never have one. */
  limiter?: RateLimiter
  corsOrigins: readonly string[]
  /** Default: the currency and the origins here, for every tenant. */
  settings?: EffectiveSettings
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
  /** The stream of a service, mounted at `/service`. */
  // biome-ignore lint/suspicious/noExplicitAny: as `streams`
  services?: Hono<any>
  /** The stream of admins, mounted at `/admin`. */
  // biome-ignore lint/suspicious/noExplicitAny: as `streams`
  admins?: Hono<any>
  /** The wallet page and the admin console, served at `/` and from `/admin` on. */
  web?: WebPages
  /** Of the console: see CONFIRM_ABOVE. Default: it asks for confirmation of every amount. */
  confirmAbove?: Readonly<Record<string, number>>
  /** `/openapi.json`, `/asyncapi.json` and `/docs`. */
  documents?: ApiDocuments
  /** Sign-in by the identity provider. Default: there is none. */
  signIn?: Pick<SignIn, 'begin' | 'finish' | 'endUrl'>
  /** How the pages offer that. */
  provider?: WebDeps['provider']
  /** One-click sign-in. Only for a server on the developer's own machine. */
  demo?: DemoDeps
}

/** The HTTP part of the server, for any runtime with `fetch` handlers. */
export function createApp({
  authenticator,
  limiter,
  corsOrigins,
  currency,
  log,
  settings = new EffectiveSettings({ corsOrigins, currency }),
  refusedOrigins = new RefusedOrigins(log),
  requests = new RequestMeter(),
  tracer,
  requestTimeoutMs,
  streams,
  services,
  admins,
  web,
  confirmAbove = {},
  demo,
  signIn,
  provider,
  documents,
  ...rest
}: AppDeps) {
  const guards = createGuards(authenticator, limiter, {
    currencyOf: (tenant) => settings.currencyOf(tenant),
    isSuspended: (tenant) => rest.tenants.isSuspended(tenant),
    requireOrigin(tenant, origin, host) {
      if (origin === undefined || !settings.refusesOrigin(tenant, origin, host)) return
      throw refusedOrigins.refuse(origin)
    },
  })
  const deps: RouteDeps = { ...rest, currency, log, guards }
  const rateLimit = limitByAddress(limiter)

  const app = factory.createApp({ router: new FixedPathRouter() }).use(requestId)
  if (tracer) app.use(traced(tracer))
  app.use(deadline(requestTimeoutMs, requestReport(requests, log)))
  app.use(crossOrigin(settings, refusedOrigins, limiter))

  if (web) {
    app.route('/', webRoutes({ pages: web, currency, confirmAbove, demo, provider, rateLimit }))
  }

  const routes = app
    .use(idempotencyKey)
    .route('/transactions/topup', topupRoutes(deps))
    .route('/transactions/withdrawal', withdrawalRoutes(deps))
    .route('/transactions/hold', holdRoutes(deps))
    .route('/transactions/balance', balanceRoutes(deps))
    .route('/transactions/auto-topup', autoTopupRoutes(deps))
    .route('/transactions/monitors', monitorRoutes(deps))
    .route('/transactions/limits', limitRoutes(deps))
    .route('/transactions/wallets', freezeRoutes(deps))
    .route('/transactions', auditRoutes(deps))
    .route('/transactions', affordRoutes(deps))
    .route('/transactions', bulkRoutes(deps))
    .route('/transactions', paymentRoutes(deps))
    // Last of its prefix, because `/:id` also matches the paths of the others.
    .route('/transactions', statementRoutes(deps))
    .route('/balance', ticketRoutes(deps))
    .route('/balance', eventRoutes(deps))
    .route('/balance/push', pushRoutes(deps))
    .route('/admin/revocations', revocationRoutes(deps))
    .route('/admin/webhooks', webhookRoutes(deps))
    .route('/admin/analytics', analyticsRoutes(deps))
    .route('/admin/keys', keyRoutes(deps))
    .route('/platform/tenants', platformRoutes(deps))
    .route('/platform/keys', platformKeyRoutes(deps))
    .route('/admin/settings', settingsRoutes(deps))
    .route('/admin/deeds', deedRoutes(deps))
    .route('/admin/search', searchRoutes(deps))
    .route('/admin/transactions', trailRoutes(deps))
    .route('/admin', policyListRoutes(deps))
    .route('/admin', providerEventRoutes(deps))
    .route('/admin', adminRoutes(deps))
    .route('/providers', providerRoutes({ ...deps, limitByAddress: rateLimit }))
    .route('/health', healthRoutes(deps))
    .route('/', metricsRoutes(deps))
    .onError(onError(log))
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
  if (services) app.route('/service', services)
  if (admins) app.route('/admin', admins)
  if (signIn) app.route('/sign-in', signInRoutes(deps, signIn, rateLimit))
  if (demo) app.route('/demo', demoRoutes(demo, rateLimit))
  return routes
}

/** For `hc<AppType>()`. */
export type AppType = ReturnType<typeof createApp>
