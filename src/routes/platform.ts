import type { Context } from 'hono'
import * as z from 'zod'
import { whyNotAllowed } from '../deliveries/guarded-request.ts'
import { type Env, factory } from '../http/context.ts'
import { answer, json, param, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import type { DeedOrigin, NewDeed } from '../ledger/deed.ts'
import { toIso } from '../ledger/rows.ts'
import { ApiError } from '../lib/api-error.ts'
import { DEFAULT_TENANT } from '../lib/identity.ts'
import { asDeed } from './deed.ts'
import type { RouteDeps } from './deps.ts'
import { settingsFields, settingsFrom, tenantJson, usageJson } from './tenant-json.ts'
import { idempotent } from './writes.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const DEFAULT_RANGE_MS = 30 * DAY_MS
const MAX_RANGE_MS = 366 * DAY_MS

/** How long an operator acts as an admin of a tenant. */
const ACTING_MS = 15 * 60_000

const name = field.text(200).refine((text) => text.trim() !== '', 'must not be empty')
const byTenant = param(z.object({ id: field.tenant }))

/** `/platform/tenants`: the operator makes tenants, and decides what holds for them. */
export function platformRoutes(
  deps: Pick<
    RouteDeps,
    'guards' | 'idempotency' | 'tenants' | 'apiKeys' | 'webhooks' | 'deeds' | 'log'
  >,
) {
  const { guards, idempotency, tenants, apiKeys, webhooks } = deps
  const readSettings = (id: string | undefined, body: Parameters<typeof settingsFrom>[0]) => {
    if (body.identity && id === DEFAULT_TENANT) {
      const message = 'The tokens of the tenant default are verified by the keys of the server.'
      throw invalid('identity', message)
    }
    const url = body.identity?.jwksUrl
    const problem = url && whyNotAllowed(new URL(url), webhooks.allowPrivate)
    if (problem) throw invalid('identity.jwksUrl', problem)
    return settingsFrom(body)
  }
  const existing = async (id: string) => {
    const tenant = await tenants.get(id)
    if (!tenant) throw noTenant()
    return tenant
  }
  /** On the record of the tenant, if there is one: nobody reads that of another. */
  const onRecord = <T>(c: Context<Env>, id: string, deed: NewDeed, act: Act<T>) =>
    asDeed(c, deps, { ...deed, target: id }, act, tenants.isMade(id) ? id : undefined)
  const change = (
    c: Context<Env>,
    id: string,
    asked: NewDeed['asked'] = {},
    act: Act<Awaited<ReturnType<typeof tenants.get>>>,
  ) =>
    idempotent(
      c,
      idempotency,
      () =>
        onRecord(c, id, { deed: 'tenant_change', asked }, async (origin) => {
          const tenant = await act(origin)
          if (!tenant) throw noTenant()
          return tenantJson(tenant)
        }),
      200,
    )

  return factory
    .createApp()
    .post(
      '/',
      guards.requireOperator,
      json(z.strictObject({ id: field.tenant, name, ...settingsFields })),
      (c) => {
        const { id, name, ...body } = c.req.valid('json')
        const create = async (origin: DeedOrigin) => {
          const settings = readSettings(id, body)
          const { userId } = c.var.principal
          const tenant = await tenants.create(id, name, settings, userId, { ...origin, tenant: id })
          if (!tenant) throw new ApiError(409, 'conflict', 'There is a tenant with this id.')
          return tenantJson(tenant)
        }
        const deed = { deed: 'tenant_create', asked: { name } } as const
        return idempotent(c, idempotency, () => onRecord(c, id, deed, create), 201)
      },
    )
    .get(
      '/',
      guards.requireOperator,
      query(
        z.strictObject({
          search: field
            .text(200)
            .exactOptional()
            .meta({ description: 'A part of the id or the name, in any case of letters.' }),
          suspended: z
            .enum(['true', 'false'])
            .transform((text) => text === 'true')
            .exactOptional()
            .meta({ type: 'boolean', description: 'Only suspended ones, or only the others.' }),
          cursor: field.tenant
            .exactOptional()
            .meta({ description: 'The `nextCursor` of the page before.' }),
          limit: field.pageLimit,
        }),
      ),
      async (c) => {
        const { items, nextCursor } = await tenants.list(c.req.valid('query'))
        return answer(c, { items: items.map(tenantJson), nextCursor })
      },
    )
    .get('/:id', guards.requireOperator, byTenant, async (c) =>
      answer(c, tenantJson(await existing(c.req.valid('param').id))),
    )
    .patch(
      '/:id',
      guards.requireOperator,
      byTenant,
      json(z.strictObject({ name: name.exactOptional(), ...settingsFields })),
      (c) => {
        const { id } = c.req.valid('param')
        const { name, ...body } = c.req.valid('json')
        return change(c, id, { settings: Object.keys(body) }, async (origin) =>
          tenants.change(id, name, readSettings(id, body), origin),
        )
      },
    )
    .post(
      '/:id/suspend',
      guards.requireOperator,
      byTenant,
      json(
        z.strictObject({
          reason: field.text(500).exactOptional().meta({ description: 'Only operators see it.' }),
        }),
      ),
      (c) => {
        const { reason = null } = c.req.valid('json')
        const { id } = c.req.valid('param')
        return change(c, id, { suspended: true }, (origin) =>
          tenants.suspend(id, reason, c.var.principal.userId, origin),
        )
      },
    )
    .post('/:id/resume', guards.requireOperator, byTenant, json(field.noFields), (c) => {
      const { id } = c.req.valid('param')
      return change(c, id, { suspended: false }, async (origin) => {
        const tenant = await tenants.resume(id, origin)
        webhooks.wake()
        return tenant
      })
    })
    .get(
      '/:id/usage',
      guards.requireOperator,
      byTenant,
      query(
        z
          .strictObject({
            from: field.instant
              .exactOptional()
              .meta({ description: 'Inclusive. Default: 30 days before `to`.' }),
            to: field.instant.exactOptional().meta({ description: 'Exclusive. Default: now.' }),
            requests: z
              .enum(['hour', 'day'])
              .default('hour')
              .meta({ description: 'The time before now in which requests are counted.' }),
          })
          .refine(({ from, to }) => !from || !to || Date.parse(from) < Date.parse(to), {
            path: ['to'],
            error: 'must be after from',
          })
          .refine(
            ({ from, to }) =>
              !from ||
              Date.parse(to ?? new Date().toISOString()) - Date.parse(from) <= MAX_RANGE_MS,
            { path: ['from'], error: 'must be at most 366 days before to' },
          ),
      ),
      async (c) => {
        const { id } = await existing(c.req.valid('param').id)
        const asked = c.req.valid('query')
        const to = asked.to ?? new Date().toISOString()
        const from = asked.from ?? new Date(Date.parse(to) - DEFAULT_RANGE_MS).toISOString()
        const windowMs = asked.requests === 'day' ? DAY_MS : HOUR_MS
        const requestsSince = new Date(Date.now() - windowMs).toISOString()
        const usage = await tenants.usage(id, { from, to, requestsSince })
        return answer(c, { from: toIso(from), to: toIso(to), ...usageJson(usage, asked.requests) })
      },
    )
    .post('/:id/token', guards.requireOperator, byTenant, json(field.noFields), (c) => {
      const { userId } = c.var.principal
      const { id } = c.req.valid('param')
      let secret: string | null = null
      const act = async (origin: DeedOrigin) => {
        await existing(id)
        const made = await apiKeys.create(
          {
            ...{ tenant: id, kind: 'operator', name: 'operator', userId, scopes: null },
            roles: ['admin'],
            expiresAt: new Date(Date.now() + ACTING_MS).toISOString(),
          },
          userId,
          origin,
        )
        if (!made) throw new Error('the token was not stored')
        secret = made.secret
        return { tenant: id, userId, expiresAt: made.key.expiresAt ?? '' }
      }
      // The token is stored nowhere, so a repeated answer does not have it.
      const deed = { deed: 'key_create', asked: { name: 'operator' } } as const
      const remember = () => onRecord(c, id, deed, act)
      return idempotent(c, idempotency, remember, 201, (made) => ({ token: secret, ...made }))
    })
}

type Act<T> = (origin: DeedOrigin) => Promise<T>

const noTenant = () => new ApiError(404, 'not_found', 'There is no such tenant.')

function invalid(path: string, message: string): ApiError {
  return new ApiError(400, 'invalid_request', `${path}: ${message}`, {
    details: { issues: [{ path, message }] },
  })
}
