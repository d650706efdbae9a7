import { z } from 'zod'
import { wireAmount } from '../http/amount.ts'
import { factory } from '../http/context.ts'
import { answer } from '../http/json-response.ts'
import { takesUpTo, timeout } from '../http/middleware/deadline.ts'
import * as field from '../http/schemas.ts'
import { json, param, query } from '../http/validate.ts'
import type { Audit, Discrepancy } from '../ledger/audit.ts'
import { ApiError } from '../lib/api-error.ts'
import type { RouteDeps } from './deps.ts'
import { once } from './idempotent.ts'

/** `/transactions`: proof that the books are right, and the repair of a snapshot that is not. */
export function auditRoutes({
  currency,
  guards,
  auditor,
  auditTimeout,
  idempotency,
}: Pick<RouteDeps, 'currency' | 'guards' | 'auditor' | 'auditTimeout' | 'idempotency'>) {
  const byUser = param(z.object({ userId: field.userId }))
  /** These calls look at every entry: of a wallet, or of all. */
  const patiently = takesUpTo(auditTimeout)
  const inCurrency = query(z.strictObject({ currency: field.currency.default(currency) }))

  return factory
    .createApp()
    .get('/verify/:userId', guards.requireAdmin, patiently, byUser, inCurrency, async (c) => {
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
        snapshotBalance: wireAmount(snapshotBalance, currency),
        calculatedBalance: wireAmount(calculatedBalance, currency),
        difference: wireAmount(snapshotBalance - calculatedBalance, currency),
      })
    })
    .get('/audit', guards.requireAdmin, patiently, query(field.noFields), async (c) => {
      // Nobody who went away, or was told that it took too long, keeps the database busy.
      const unwanted = AbortSignal.any([c.req.raw.signal, AbortSignal.timeout(auditTimeout * 1000)])
      const goOn = () => {
        if (unwanted.aborted) throw timeout()
      }
      return answer(c, toWireAudit(await auditor.audit(c.var.principal.tenant, goOn)))
    })
    .post(
      '/recalculate/:userId',
      guards.requireAdmin,
      patiently,
      byUser,
      inCurrency,
      json(field.noFields),
      (c) => {
        const { userId } = c.req.valid('param')
        const { currency } = c.req.valid('query')
        const { tenant } = c.var.principal
        return once(
          c,
          idempotency,
          async (claim) => {
            const found = await auditor.recalculate({ tenant, userId }, currency, claim)
            if (!found) throw noWallet()
            const { previousBalance, newBalance, corrected } = found
            return { previousBalance: `${previousBalance}`, newBalance: `${newBalance}`, corrected }
          },
          200,
          ({ previousBalance, newBalance, corrected }) => ({
            userId,
            currency,
            previousBalance: wireAmount(BigInt(previousBalance), currency),
            newBalance: wireAmount(BigInt(newBalance), currency),
            corrected,
          }),
        )
      },
    )
    .post('/recalculate-all', guards.requireAdmin, patiently, json(stretch), (c) => {
      const { tenant } = c.var.principal
      const part = c.req.valid('json')
      // Each wallet is a transaction of its own: a try after a crash finds those before it repaired.
      return once(c, idempotency, () => auditor.recalculateAll(tenant, part), 200)
    })
}

/** In steps, a ledger of any size fits into the time that a request has. */
const stretch = z.strictObject({
  limit: z
    .int()
    .min(1)
    .max(10_000)
    .exactOptional()
    .meta({ description: 'Wallets that this call looks at, at most. Default all.' }),
  cursor: z
    .string()
    .regex(/^\d{1,18}$/, 'must be a `nextCursor`')
    .exactOptional()
    .meta({ description: 'The `nextCursor` of the call before.' }),
})

/** An audit in major units. */
export function toWireAudit(audit: Audit) {
  return {
    ...audit,
    discrepancies: audit.discrepancies.map(toWireDiscrepancy),
    ledger: audit.ledger.map(({ currency, debits, credits }) => ({
      currency,
      debits: wireAmount(debits, currency),
      credits: wireAmount(credits, currency),
      balanced: debits === credits,
    })),
  }
}

const noWallet = () => new ApiError(404, 'not_found', 'This user has no wallet in this currency.')

function toWireDiscrepancy({ snapshotBalance, calculatedBalance, ...rest }: Discrepancy) {
  const { currency } = rest
  return {
    ...rest,
    ...(snapshotBalance !== undefined &&
      currency && { snapshotBalance: wireAmount(snapshotBalance, currency) }),
    ...(calculatedBalance !== undefined &&
      currency && { calculatedBalance: wireAmount(calculatedBalance, currency) }),
  }
}
