import type { Context } from 'hono'
import * as z from 'zod'
import { whyNotAllowed } from '../deliveries/guarded-request.ts'
import type { WebhookEndpoint } from '../deliveries/webhook.ts'
import { onRecord } from '../deliveries/webhook-endpoints.ts'
import { type Env, factory } from '../http/context.ts'
import { answer, json, param, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import { LEDGER_EVENTS } from '../ledger/event.ts'
import { ApiError } from '../lib/api-error.ts'
import { asDeed } from './deed.ts'
import type { RouteDeps } from './deps.ts'
import { idempotent } from './writes.ts'

const MAX_USERS = 1000
const MAX_OVERLAP_SECONDS = 7 * 86_400
const DAY_SECONDS = 86_400

const url = z
  .string()
  .max(2000)
  .refine((text) => URL.canParse(text), 'must be a URL')
  .transform((text) => {
    const parsed = new URL(text)
    parsed.hash = ''
    return parsed.href
  })
  .meta({
    format: 'uri',
    description: 'Takes the deliveries, by https.',
    examples: ['https://shop.example.com/webhooks/balance'],
  })

const events = z
  .array(z.enum(LEDGER_EVENTS))
  .min(1)
  .transform((names) => [...new Set(names)])
  .nullable()
  .meta({ description: 'Only these events. Null: all.' })

const userIds = z
  .array(field.userId)
  .min(1)
  .max(MAX_USERS)
  .transform((ids) => [...new Set(ids)])
  .nullable()
  .meta({ description: 'Only events of these users. Null: of everyone in the tenant.' })

const description = field.text(500).nullable()

const eventId = z.string().regex(/^[A-Za-z0-9]{1,32}:\d{1,15}$/, 'must be the id of an event')

/** `/admin/webhooks`: where the tenant's events are sent by HTTP. */
export function webhookRoutes(
  deps: Pick<RouteDeps, 'guards' | 'idempotency' | 'webhooks' | 'deeds' | 'log'>,
) {
  const { guards, idempotency, webhooks, deeds } = deps
  const ensureAllowed = (text: string) => {
    const problem = whyNotAllowed(new URL(text), webhooks.allowPrivate)
    if (problem === undefined) return
    throw new ApiError(400, 'invalid_request', `url: ${problem}`, {
      details: { issues: [{ path: 'url', message: problem }] },
    })
  }
  /** The secret is stored only where deliveries are signed, so a repeated answer does not have it. */
  const withSecret = (
    c: Context<Env>,
    status: 200 | 201,
    act: () => Promise<WebhookEndpoint & { secret: string }>,
  ) => {
    let shown: string | null = null
    const remember = async () => {
      const { secret, ...endpoint } = await act()
      shown = secret
      return endpoint
    }
    return idempotent(c, idempotency, remember, status, (made) => ({ ...made, secret: shown }))
  }
  const found = async (c: Context<Env>, id: string): Promise<WebhookEndpoint> => {
    const endpoint = await webhooks.endpoints.get(c.var.principal.tenant, id)
    if (!endpoint) throw noEndpoint()
    return endpoint
  }

  return factory
    .createApp()
    .post(
      '/',
      guards.requireAdmin,
      json(
        z.strictObject({
          url,
          events: events.default(null),
          userIds: userIds.default(null),
          description: description.default(null),
        }),
      ),
      (c) => {
        const settings = c.req.valid('json')
        const { tenant, userId } = c.var.principal
        const deed = { deed: 'webhook_create', asked: onRecord(settings) } as const
        const create = () =>
          asDeed(c, deps, deed, async (origin) => {
            ensureAllowed(settings.url)
            const endpoint = await webhooks.endpoints.create(tenant, userId, settings, origin)
            if (endpoint) return endpoint
            const message = 'The tenant already has as many webhooks as it may have.'
            throw new ApiError(409, 'conflict', message)
          })
        return withSecret(c, 201, create)
      },
    )
    .get('/', guards.requireAdmin, query(field.noFields), async (c) =>
      answer(c, { items: await webhooks.endpoints.list(c.var.principal.tenant) }),
    )
    .get('/:id', guards.requireAdmin, param(field.byId), query(field.noFields), async (c) => {
      const { id } = c.req.valid('param')
      const [endpoint] = await webhooks.endpoints.list(c.var.principal.tenant, id)
      if (!endpoint) throw noEndpoint()
      return answer(c, endpoint)
    })
    .patch(
      '/:id',
      guards.requireAdmin,
      param(field.byId),
      json(
        z.strictObject({
          url: url.exactOptional(),
          events: events.exactOptional(),
          userIds: userIds.exactOptional(),
          description: description.exactOptional(),
          paused: z
            .boolean()
            .exactOptional()
            .meta({ description: 'While it is true nothing is sent, and nothing is lost.' }),
        }),
      ),
      (c) => {
        const changes = c.req.valid('json')
        const { id } = c.req.valid('param')
        const deed = { deed: 'webhook_change', target: id, asked: onRecord(changes) } as const
        const change = () =>
          asDeed(c, deps, deed, async (origin) => {
            if (changes.url !== undefined) ensureAllowed(changes.url)
            const { tenant } = c.var.principal
            const endpoint = await webhooks.endpoints.change(tenant, id, changes, origin)
            if (!endpoint) throw noEndpoint()
            webhooks.wake()
            return endpoint
          })
        return idempotent(c, idempotency, change, 200)
      },
    )
    .delete('/:id', guards.requireAdmin, param(field.byId), async (c) => {
      const { id } = c.req.valid('param')
      await asDeed(c, deps, { deed: 'webhook_delete', target: id }, async (origin) => {
        const deleted = await webhooks.endpoints.delete(c.var.principal.tenant, id, origin)
        if (!deleted) throw noEndpoint()
      })
      return answer(c, { deleted: 1 })
    })
    .post(
      '/:id/rotate',
      guards.requireAdmin,
      param(field.byId),
      json(
        z.strictObject({
          overlapSeconds: z.int().min(0).max(MAX_OVERLAP_SECONDS).default(DAY_SECONDS).meta({
            description: 'Deliveries are also signed with the secret before for this time.',
          }),
        }),
      ),
      (c) => {
        const { id } = c.req.valid('param')
        const rotate = () =>
          asDeed(c, deps, { deed: 'webhook_rotate', target: id }, async (origin) => {
            const { overlapSeconds } = c.req.valid('json')
            const { tenant } = c.var.principal
            const endpoint = await webhooks.endpoints.rotate(tenant, id, overlapSeconds, origin)
            if (!endpoint) throw noEndpoint()
            return endpoint
          })
        return withSecret(c, 200, rotate)
      },
    )
    .post('/:id/test', guards.requireAdmin, param(field.byId), json(field.noFields), (c) => {
      c.var.extendDeadline(TEST_DEADLINE_MS)
      const { id } = c.req.valid('param')
      const deed = { deed: 'webhook_test', target: id } as const
      const test = () =>
        asDeed(c, deps, deed, async (origin) => {
          const target = await webhooks.endpoints.target(c.var.principal.tenant, id)
          if (!target) throw noEndpoint()
          // Before anything is sent, because the receiver is no part of this database.
          await deeds.note(origin, deed)
          const { delivered, status, error, durationMs, body } = await webhooks.sink.test(target)
          return { delivered, status, error, durationMs, body }
        })
      return idempotent(c, idempotency, test, 200)
    })
    .get(
      '/:id/deliveries',
      guards.requireAdmin,
      param(field.byId),
      query(
        z.strictObject({
          delivered: z
            .enum(['true', 'false'])
            .transform((text) => text === 'true')
            .exactOptional()
            .meta({ type: 'boolean', description: 'Only successes, or only failures.' }),
          cursor: z
            .string()
            .regex(/^\d{1,18}$/, 'must be the nextCursor of a page')
            .exactOptional()
            .meta({ description: 'The `nextCursor` of the page before.' }),
          limit: field.pageLimit,
        }),
      ),
      async (c) => {
        const { tenant } = c.var.principal
        const { id } = await found(c, c.req.valid('param').id)
        const [failing, page] = await Promise.all([
          webhooks.endpoints.failing(tenant, id),
          webhooks.endpoints.attempts(tenant, id, c.req.valid('query')),
        ])
        return answer(c, { failing, ...page })
      },
    )
    .post(
      '/:id/replay',
      guards.requireAdmin,
      param(field.byId),
      json(
        z
          .strictObject({
            userId: field.userId.exactOptional().meta({
              description: 'Only this user. Default: everyone whose events were set aside.',
            }),
            afterSeq: z
              .int()
              .min(0)
              .exactOptional()
              .meta({ description: 'Sends the events after this seq, again if need be.' }),
            afterId: eventId
              .exactOptional()
              .meta({ description: 'The same by the id of an event.' }),
          })
          .refine(
            ({ afterSeq, afterId }) => afterSeq === undefined || afterId === undefined,
            'Set either afterSeq or afterId.',
          )
          .refine(
            ({ userId, afterSeq, afterId }) =>
              userId !== undefined || (afterSeq === undefined && afterId === undefined),
            'afterSeq and afterId need userId.',
          ),
      ),
      (c) => {
        const { userId, afterSeq, afterId } = c.req.valid('json')
        const { endpoints } = webhooks
        const { id } = c.req.valid('param')
        const replay = () =>
          asDeed(c, deps, { deed: 'webhook_replay', userId, target: id }, async (origin) => {
            const { tenant } = c.var.principal
            await found(c, id)
            if (userId === undefined)
              return { users: await endpoints.replayAll(tenant, id, origin) }
            const after =
              afterSeq ?? (afterId === undefined ? null : seqOf(afterId, webhooks.epochOf(tenant)))
            if (!(await endpoints.replay(tenant, id, userId, after, origin))) {
              throw new ApiError(404, 'unknown_user', 'There is no such user.')
            }
            return { users: 1 }
          })
        return idempotent(
          c,
          idempotency,
          async () => {
            const replayed = await replay()
            webhooks.wake()
            return replayed
          },
          200,
        )
      },
    )
}

/** A test waits for the receiver. */
const TEST_DEADLINE_MS = 20_000

const noEndpoint = () => new ApiError(404, 'not_found', 'There is no such webhook.')

function seqOf(id: string, epoch: string): number {
  const [of, seq] = id.split(':')
  if (of === epoch) return Number(seq)
  const message = 'afterId: is of another database'
  throw new ApiError(400, 'invalid_request', message, {
    details: { issues: [{ path: 'afterId', message: 'is of another database' }] },
  })
}
