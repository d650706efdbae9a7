import { createHash } from 'node:crypto'
import * as z from 'zod'
import { factory } from '../http/context.ts'
import { subject } from '../http/middleware/authorize.ts'
import { query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import { isUnchanged } from '../http/static-document.ts'
import type { RouteDeps } from './deps.ts'

const MAX_WAIT_SECONDS = 25

const id = z.string().regex(/^[A-Za-z0-9]{1,32}:\d{1,15}$/, 'must be the id of an event')

/** `GET /balance/events`: the events of the streams in pages, also as a long poll. */
export function eventRoutes({ guards, eventPages }: Pick<RouteDeps, 'guards' | 'eventPages'>) {
  return factory.createApp().get(
    '/events',
    guards.requireCaller,
    query(
      z
        .strictObject({
          after: id.exactOptional().meta({ description: 'Only later events, oldest first.' }),
          before: id.exactOptional().meta({ description: 'Only earlier events, newest first.' }),
          limit: field.pageLimit,
          wait: z
            .string()
            .regex(/^(\d|1\d|2[0-5])$/, `must be from 0 to ${MAX_WAIT_SECONDS}`)
            .transform(Number)
            .default(0)
            .meta({
              ...{ type: 'integer', minimum: 0, maximum: MAX_WAIT_SECONDS },
              description: 'With `after`: seconds to wait for an event, if there is none yet.',
            }),
          userId: field.onBehalfOf('an admin'),
        })
        .refine(({ after, before }) => after === undefined || before === undefined, {
          path: ['before'],
          error: 'cannot be combined with after',
        })
        .refine(({ after, wait }) => wait === 0 || after !== undefined, {
          path: ['wait'],
          error: 'needs after',
        }),
    ),
    async (c) => {
      const { after, before, limit, wait, userId } = c.req.valid('query')
      const { principal } = c.var
      const user = subject(principal, userId, principal.isAdmin)
      const waitMs = wait * 1000
      if (waitMs > 0) c.var.extendDeadline(waitMs + 10_000)
      const page =
        after === undefined
          ? await eventPages.before(user, before, limit)
          : await eventPages.after(
              user,
              after,
              limit,
              waitMs,
              waitMs > 0 ? c.req.raw.signal : undefined,
            )
      // The payloads are JSON already, with every digit of their amounts.
      const items = page.events.map(({ text }) => text).join()
      const { nextCursor, recovered } = page
      const rest = JSON.stringify({ nextCursor, recovered }).slice(1)
      const body = `{"items":[${items}],${rest}`
      const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
      const headers = { ...c.var.headers, ETag: etag, 'Cache-Control': 'private, no-cache' }
      if (isUnchanged(c.req.header('If-None-Match'), [etag])) return c.body(null, 304, headers)
      return c.body(body, 200, { ...headers, 'Content-Type': 'application/json' })
    },
  )
}
