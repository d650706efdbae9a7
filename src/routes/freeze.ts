import type { Context } from 'hono'
import * as z from 'zod'
import { type Env, factory } from '../http/context.ts'
import { refusal } from '../http/errors.ts'
import { answer, json, param, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import type { Freeze } from '../ledger/freeze.ts'
import { asDeed } from './deed.ts'
import type { RouteDeps } from './deps.ts'
import { idempotent } from './writes.ts'

const reason = field
  .text(500)
  .exactOptional()
  .meta({ description: 'For the history, which only admins see.' })

/** `/transactions/wallets/:userId/freeze`: a wallet that gives no money, or takes none. */
export function freezeRoutes(
  deps: Pick<RouteDeps, 'guards' | 'freezes' | 'idempotency' | 'deeds' | 'log'>,
) {
  const { guards, freezes, idempotency } = deps
  const byUser = param(z.object({ userId: field.userId }))

  async function change(
    c: Context<Env>,
    userId: string,
    frozen: Freeze & { reason?: string | undefined },
  ) {
    const { tenant, userId: by } = c.var.principal
    const { reason = null, debits, credits } = frozen
    const deed = { deed: 'wallet_freeze', userId, asked: { debits, credits } } as const
    await asDeed(c, deps, deed, async (origin) => {
      if (by === userId) throw refusal('self_approval')
      const known = await freezes.set({ tenant, userId }, { debits, credits, reason, by }, origin)
      if (!known) throw refusal('unknown_user')
    })
    return stateOf(tenant, userId)
  }

  async function stateOf(tenant: string, userId: string) {
    const history = await freezes.history({ tenant, userId })
    if (!history) throw refusal('unknown_user')
    const { debits = false, credits = false } = history[0] ?? {}
    return { userId, debits, credits, history }
  }

  return factory
    .createApp()
    .get('/:userId/freeze', guards.requireAdmin, byUser, async (c) =>
      answer(c, await stateOf(c.var.principal.tenant, c.req.valid('param').userId)),
    )
    .post(
      '/:userId/freeze',
      guards.requireAdmin,
      byUser,
      json(
        z.strictObject({
          debits: z.boolean().exactOptional().meta({
            description:
              'No money leaves the wallet. Default: false if `credits` is given, else true.',
          }),
          credits: z.boolean().exactOptional().meta({
            description: 'No money comes to it. Default: false if `debits` is given, else true.',
          }),
          reason,
        }),
      ),
      (c) => {
        const { debits, credits, reason } = c.req.valid('json')
        const { userId } = c.req.valid('param')
        const all = debits === undefined && credits === undefined
        const frozen = { debits: debits ?? all, credits: credits ?? all, reason }
        return idempotent(c, idempotency, () => change(c, userId, frozen), 200)
      },
    )
    .delete(
      '/:userId/freeze',
      guards.requireAdmin,
      byUser,
      query(z.strictObject({ reason })),
      async (c) => {
        const nothing = { debits: false, credits: false, ...c.req.valid('query') }
        return answer(c, await change(c, c.req.valid('param').userId, nothing))
      },
    )
}
