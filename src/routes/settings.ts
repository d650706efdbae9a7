import * as z from 'zod'
import { factory } from '../http/context.ts'
import { amountJson, answer, json, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import type { FourEyesState } from '../ledger/four-eyes.ts'
import { originOf } from './deed.ts'
import type { RouteDeps } from './deps.ts'

const MAX_RULES = 50

/** `/admin/settings`: the rules of the tenant. */
export function settingsRoutes({ guards, fourEyes }: Pick<RouteDeps, 'guards' | 'fourEyes'>) {
  const state = async (tenant: string) => ({
    fourEyes: (await fourEyes.state(tenant)).map(ruleJson),
  })

  return factory
    .createApp()
    .get('/', guards.requireAdmin, query(field.noFields), async (c) =>
      answer(c, await state(c.var.principal.tenant)),
    )
    .put(
      '/',
      guards.requireAdmin,
      json(
        z.strictObject({
          fourEyes: z
            .array(
              z.strictObject({
                currency: field.currency,
                amount: field.amount.nullable().meta({
                  description: 'Two admins must agree above this amount. Null: one is enough.',
                }),
              }),
            )
            .max(MAX_RULES)
            .refine(
              (rules) => new Set(rules.map(({ currency }) => currency)).size === rules.length,
              'names a currency twice',
            )
            .meta({ description: 'Currencies that are not named stay as they are.' }),
        }),
      ),
      async (c) => {
        const { tenant, userId } = c.var.principal
        const rules = c.req.valid('json').fourEyes.map(({ currency, amount }, i) => ({
          currency,
          amount:
            amount === null
              ? null
              : field.readAmount(amount, currency, { field: `fourEyes.${i}.amount` }),
        }))
        await fourEyes.set(tenant, rules, userId, originOf(c))
        return answer(c, await state(tenant))
      },
    )
}

function ruleJson({ proposal, ...rule }: FourEyesState) {
  const optional = (minor: bigint | null) =>
    minor === null ? null : amountJson(minor, rule.currency)
  return {
    ...rule,
    amount: optional(rule.amount),
    ...(proposal && { proposal: { ...proposal, amount: optional(proposal.amount) } }),
  }
}
