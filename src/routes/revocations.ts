import * as z from 'zod'
import { MAX_TOKEN_ID } from '../auth/claims.ts'
import type { Revocation } from '../auth/revocation-store.ts'
import { factory } from '../http/context.ts'
import { answer, json, param, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import { ApiError } from '../lib/api-error.ts'
import { asDeed, originOf } from './deed.ts'
import type { RouteDeps } from './deps.ts'
import { idempotent } from './writes.ts'

const tokenId = field
  .text(MAX_TOKEN_ID)
  .min(1)
  .meta({ description: 'The `jti` of one token.', examples: ['5f0c…'] })

/** `/admin/revocations`: tokens of the tenant that are no longer valid. */
export function revocationRoutes(
  deps: Pick<RouteDeps, 'guards' | 'idempotency' | 'revocations' | 'deeds' | 'log'>,
) {
  const { guards, idempotency, revocations } = deps
  return factory
    .createApp()
    .post(
      '/',
      guards.requireAdmin,
      json(
        z
          .strictObject({
            userId: field.userId
              .exactOptional()
              .meta({ description: 'Revokes every token issued to this user until now.' }),
            tokenId: tokenId.exactOptional(),
            expiresAt: field.instant.exactOptional().meta({
              description: 'The `exp` of the token. The revocation is deleted then.',
            }),
            reason: field.text(500).exactOptional(),
          })
          .refine(
            ({ userId, tokenId }) => (userId === undefined) !== (tokenId === undefined),
            'Set either userId or tokenId.',
          )
          .refine(
            ({ userId, expiresAt }) => userId === undefined || expiresAt === undefined,
            'expiresAt can only be set with tokenId.',
          ),
      ),
      (c) => {
        const { reason = null, expiresAt = null, ...subject } = c.req.valid('json')
        const { tenant, userId: revokedBy } = c.var.principal
        const revoke = async () =>
          revocationJson(
            await revocations.revoke(
              { ...subject, tenant, reason, revokedBy, expiresAt },
              originOf(c),
            ),
          )
        return idempotent(c, idempotency, revoke, 201)
      },
    )
    .get(
      '/',
      guards.requireAdmin,
      query(
        z.strictObject({
          userId: field.userId.exactOptional(),
          tokenId: tokenId.exactOptional(),
          cursor: z
            .uuid()
            .exactOptional()
            .meta({ description: 'The `nextCursor` of the page before.' }),
          limit: field.pageLimit,
        }),
      ),
      async (c) => {
        const { tenant } = c.var.principal
        const { items, nextCursor } = await revocations.list({ tenant, ...c.req.valid('query') })
        return answer(c, { items: items.map(revocationJson), nextCursor })
      },
    )
    .delete('/:id', guards.requireAdmin, param(field.byId), async (c) => {
      const { tenant } = c.var.principal
      const { id } = c.req.valid('param')
      await asDeed(c, deps, { deed: 'revocation_lift', target: id }, async (origin) => {
        if (await revocations.lift(tenant, id, origin)) return
        throw new ApiError(404, 'not_found', 'There is no such revocation.')
      })
      return answer(c, { deleted: 1 })
    })
}

function revocationJson({ tenant: _, ...revocation }: Revocation) {
  return revocation
}
