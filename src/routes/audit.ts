import * as z from 'zod'
import { factory } from '../http/context.ts'
import { timeoutError } from '../http/errors.ts'
import { extendDeadline } from '../http/middleware/deadline.ts'
import { amountJson, answer, json, param, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import type { Audit, Discrepancy } from '../ledger/audit.ts'
import { ApiError } from '../lib/api-error.ts'
import { asDeed } from './deed.ts'
import type { RouteDeps } from './deps.ts'
import { idempotent } from './writes.ts'

/** `/transactions`: checks that the balances match the entries, and repairs a snapshot that does not. */
export function auditRoutes(
  deps: Pick<
    RouteDeps,
    'currency' | 'guards' | 'auditor' | 'auditTimeoutMs' | 'idempotency' | 'deeds' | 'log'
  >,
) {
  const { currency, guards, auditor, auditTimeoutMs, idempotency, deeds } = deps
  const byUser = param(z.object({ userId: field.userId }))
  /** These calls read every entry, of one wallet or of all. */
  const moreTime = extendDeadline(auditTimeoutMs)
  const inCurrency = query(z.strictObject({ currency: field.currencyOr(currency) }))

  return factory
    .createApp()
    .get('/verify/:userId', guards.requireAdmin, moreTime, byUser, inCurrency, async (c) => {
      const { userId } = c.req.valid('param')
      const { currency } = c.req.valid('query')
      const { tenant } = c.var.principal
      const found = await auditor.verify({ tenant, userId }, currency)
      if (!found) throw noWallet()
      const { snapshotBalance, calculatedBalance, isAccurate } = found
      return answer(c, {
        userId,
        currency,
        isAccurate,
        snapshotBalance: amountJson(snapshotBalance, currency),
        calculatedBalance: amountJson(calculatedBalance, currency),
        difference: amountJson(snapshotBalance - calculatedBalance, currency),
      })
    })
    .get('/audit', guards.requireAdmin, moreTime, query(field.noFields), async (c) => {
      // The audit stops when its client has left or has got a timeout, to free the database.
      const stopped = AbortSignal.any([c.req.raw.signal, AbortSignal.timeout(auditTimeoutMs)])
      const onStep = () => {
        if (stopped.aborted) throw timeoutError()
      }
      return answer(c, auditJson(await auditor.audit(c.var.principal.tenant, onStep)))
    })
    .post(
      '/recalculate/:userId',
      guards.requireAdmin,
      moreTime,
      byUser,
      inCurrency,
      json(field.noFields),
      (c) => {
        const { userId } = c.req.valid('param')
        const { currency } = c.req.valid('query')
        const { tenant } = c.var.principal
        return idempotent(
          c,
          idempotency,
          (claim) =>
            asDeed(c, deps, { deed: 'recalculate', userId }, async (origin) => {
              const found = await auditor.recalculate({ tenant, userId }, currency, claim, origin)
              if (!found) throw noWallet()
              const { previousBalance, newBalance, corrected } = found
              return {
                ...{ previousBalance: `${previousBalance}`, newBalance: `${newBalance}` },
                corrected,
              }
            }),
          200,
          ({ previousBalance, newBalance, corrected }) => ({
            userId,
            currency,
            previousBalance: amountJson(BigInt(previousBalance), currency),
            newBalance: amountJson(BigInt(newBalance), currency),
            corrected,
          }),
        )
      },
    )
    .post('/recalculate-all', guards.requireAdmin, moreTime, json(recalculation), (c) => {
      const { tenant } = c.var.principal
      const part = c.req.valid('json')
      const recalculate = () =>
        asDeed(c, deps, { deed: 'recalculate_all', asked: part }, async (origin) => {
          // Each wallet that it corrects is noted with it.
          const done = await auditor.recalculateAll(tenant, part, origin)
          const { total, corrected } = done
          const after = { total, corrected }
          await deeds.note(origin, { deed: 'recalculate_all', asked: part, after })
          return done
        })
      // Each wallet is a transaction of its own, so it can be repeated after a crash.
      return idempotent(c, idempotency, recalculate, 200)
    })
}

/** With a limit and a cursor, a ledger of any size can be recalculated within the timeout of a request. */
const recalculation = z.strictObject({
  limit: z
    .int()
    .min(1)
    .max(10_000)
    .exactOptional()
    .meta({ description: 'Most wallets that this call checks. Default all.' }),
  cursor: z
    .string()
    .regex(/^\d{1,18}$/, 'must be a `nextCursor`')
    .exactOptional()
    .meta({ description: 'The `nextCursor` of the call before.' }),
})

/** An audit with amounts in major units. */
export function auditJson(audit: Audit) {
  return {
    ...audit,
    discrepancies: audit.discrepancies.map(discrepancyJson),
    ledger: audit.ledger.map(({ currency, debits, credits }) => ({
      currency,
      debits: amountJson(debits, currency),
      credits: amountJson(credits, currency),
      balanced: debits === credits,
    })),
  }
}

const noWallet = () => new ApiError(404, 'not_found', 'This user has no wallet in this currency.')

function discrepancyJson({ snapshotBalance, calculatedBalance, ...rest }: Discrepancy) {
  const { currency } = rest
  return {
    ...rest,
    ...(snapshotBalance !== undefined &&
      currency && { snapshotBalance: amountJson(snapshotBalance, currency) }),
    ...(calculatedBalance !== undefined &&
      currency && { calculatedBalance: amountJson(calculatedBalance, currency) }),
  }
}
