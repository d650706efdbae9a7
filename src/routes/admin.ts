import * as z from 'zod'
import type { Principal } from '../auth/principal.ts'
import { factory } from '../http/context.ts'
import { answer, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import { REQUEST_TYPES } from '../ledger/command.ts'
import { toIso } from '../ledger/rows.ts'
import { MAX_USER_ID } from '../lib/identity.ts'
import { balanceJson } from './balance.ts'
import type { RouteDeps } from './deps.ts'
import { answerRequestPage, listQuery, waitingFor } from './transaction-json.ts'

/** `/admin`: the data of the console, other than transactions. */
export function adminRoutes({
  currency,
  guards,
  reader,
  system,
}: Pick<RouteDeps, 'currency' | 'guards' | 'reader' | 'system'>) {
  return factory
    .createApp()
    .get(
      '/wallets',
      guards.requireAdmin,
      query(
        z.strictObject({
          currency: field.currencyOr(currency),
          search: field
            .text(2 * MAX_USER_ID)
            .exactOptional()
            .meta({ description: 'A part of the user id, in any case of letters.' }),
          cursor: field.userId
            .exactOptional()
            .meta({ description: 'The `nextCursor` of the page before.' }),
          limit: field.pageLimit,
        }),
      ),
      async (c) => {
        const { tenant } = c.var.principal
        const page = await reader.wallets({ tenant, ...c.req.valid('query') })
        return answer(c, {
          items: page.items.map(({ balances, ...item }) => ({
            ...balanceJson(item),
            balances: balances.map(balanceJson),
          })),
          nextCursor: page.nextCursor,
        })
      },
    )
    .get(
      '/requests',
      guards.requireAdmin,
      query(
        listQuery.omit({ type: true, status: true }).extend({
          type: z
            .enum(REQUEST_TYPES)
            .exactOptional()
            .meta({ description: 'Only this type. Default all.' }),
          waitingFor,
          minAmount: field.amount.exactOptional().meta({
            description:
              'Of the amount without its sign, in `currency`, which is then by default the tenant’s, or else the server’s.',
          }),
          maxAmount: field.amount.exactOptional().meta({ description: 'As `minAmount`.' }),
          context: z
            .enum(['true', 'false'])
            .default('false')
            .meta({ description: '`true`: with the users of the page, as `users`.' }),
          order: listQuery.shape.order.unwrap().default('asc').meta({
            description: '`asc` for oldest first, `desc` for newest first.',
          }),
        }),
      ),
      (c) => {
        const { type, context, minAmount, maxAmount, ...filter } = c.req.valid('query')
        const isByAmount = minAmount !== undefined || maxAmount !== undefined
        const of = filter.currency ?? c.var.currency ?? currency
        const selection = {
          ...filter,
          ...(isByAmount && { currency: of }),
          ...(minAmount !== undefined && { minAmount: field.readAmount(minAmount, of) }),
          ...(maxAmount !== undefined && { maxAmount: field.readAmount(maxAmount, of) }),
          types: type ? [type] : REQUEST_TYPES,
        }
        return answerRequestPage(c, reader, selection, context === 'true')
      },
    )
    .get('/session', guards.requireCaller, query(field.noFields), (c) => {
      const { userId, tenant, expiresAt, ...roles } = c.var.principal
      return answer(c, {
        userId,
        tenant,
        roles: rolesOf(roles),
        currency: c.var.currency ?? currency,
        expiresAt: toIso(new Date(expiresAt * 1000).toISOString()),
      })
    })
    .get('/system', guards.requireAdminOrOperator, query(field.noFields), async (c) =>
      answer(c, await system(c.var.principal)),
    )
}

/** The roles of a caller, by the names that tokens have. */
function rolesOf({
  isAdmin,
  isService,
  isOperator,
}: Pick<Principal, 'isAdmin' | 'isService' | 'isOperator'>): string[] {
  const held = { admin: isAdmin, service: isService, operator: isOperator }
  return Object.entries(held).flatMap(([role, has]) => (has ? [role] : []))
}
