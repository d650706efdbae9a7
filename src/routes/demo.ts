import type { MiddlewareHandler } from 'hono'
import { z } from 'zod'
import { type Env, factory } from '../http/context.ts'
import { answer } from '../http/json-response.ts'
import { isLocal } from '../http/loopback.ts'
import { json } from '../http/validate.ts'
import { ApiError } from '../lib/api-error.ts'

export type DemoRole = 'user' | 'admin'

/** Sign-in without a password, for a server that nobody else can reach. */
export interface DemoDeps {
  /** `expiresAt` is ISO 8601. */
  session(as: DemoRole): Promise<{ token: string; userId: string; expiresAt: string }>
}

/** `/demo`: a token for whoever sits at this machine; to anybody else it does not exist. */
export function demoRoutes({ session }: DemoDeps, limited: MiddlewareHandler<Env>) {
  return factory.createApp().post(
    '/session',
    limited,
    async (c, next) => {
      if (!isLocal(c)) throw new ApiError(404, 'not_found', 'There is nothing here.')
      await next()
    },
    json(z.strictObject({ as: z.enum(['user', 'admin']) })),
    async (c) => answer(c, await session(c.req.valid('json').as), 201),
  )
}
