import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { z } from 'zod'
import { wireAmount } from '../http/amount.ts'
import { foundFor } from '../http/cached-reads.ts'
import { type Env, factory } from '../http/context.ts'
import { answer } from '../http/json-response.ts'
import { subject } from '../http/middleware/authorize.ts'
import { refusal } from '../http/refusal.ts'
import * as field from '../http/schemas.ts'
import { query } from '../http/validate.ts'
import type { Balance } from '../ledger/balance.ts'
import type { UserRef } from '../ledger/event.ts'
import { wireNumber } from '../ledger/money.ts'
import { ApiError } from '../lib/api-error.ts'
import type { RouteDeps } from './deps.ts'

/** Points of a series, at least and at most. */
const points = z
  .string()
  .regex(/^\d{1,3}$/, 'must be from 2 to 500')
  .transform(Number)
  .refine((value) => value >= 2 && value <= 500, 'must be from 2 to 500')
  .default(100)
  .meta({ type: 'integer', minimum: 2, maximum: 500, description: 'Points of the series.' })

/** `/transactions/balance`: from the cache, from Postgres, over time, and as the snapshot stores it. */
export function balanceRoutes({
  currency,
  guards,
  reader,
  cache,
  cacheReads,
}: Pick<RouteDeps, 'currency' | 'guards' | 'reader' | 'cache' | 'cacheReads'>) {
  const wallet = z.strictObject({
    currency: field.currency.default(currency),
    userId: field.userId
      .exactOptional()
      .meta({ description: 'Default: the caller. Only an admin can name another user.' }),
  })

  const named = wallet.shape.userId
  const whose = (c: Context<Env>, named: string | undefined): UserRef => {
    // `c.var` would copy all that the middlewares left.
    const principal = c.get('principal')
    return subject(principal, named, principal.isAdmin)
  }
  /** A caller's first read registers the caller, so that others can send money. An admin's read of another user creates nothing. */
  const balanceOf = async (c: Context<Env>, who: UserRef, currency: string): Promise<Balance> => {
    if (who.userId === c.get('principal').userId) return reader.balance(who, currency)
    const wallet = await reader.knownBalance(who, currency)
    if (!wallet) throw refusal('unknown_user')
    return wallet
  }

  return factory
    .createApp()
    .get('/cached', guards.requireUser, query(wallet), async (c) => {
      const { currency, userId } = c.req.valid('query')
      const who = whose(c, userId)
      const { incoming } = (c.env ?? {}) as Partial<HttpBindings>
      const found = foundFor(incoming)
      const cached = found === undefined ? await cache.cachedBalance(who, currency) : found
      if (cached !== null) {
        cacheReads.hits += 1
        return answer(c, { balance: wireNumber(cached) as number, cached: true })
      }
      cacheReads.misses += 1
      const { balance, seq } = await balanceOf(c, who, currency)
      void cache.fill(who, currency, balance, seq)
      return answer(c, { balance: wireAmount(balance, currency), cached: false })
    })
    .get(
      '/',
      guards.requireUser,
      query(
        wallet.extend({
          at: field.instant
            .exactOptional()
            .meta({ description: 'The balance at this time, inclusive. Default: now.' }),
        }),
      ),
      async (c) => {
        const { currency, userId, at } = c.req.valid('query')
        const who = whose(c, userId)
        if (at !== undefined) {
          const balance = await reader.balanceAt(who, currency, at)
          return answer(c, { balance: wireAmount(balance, currency), currency, at })
        }
        return answer(c, wireBalance(await balanceOf(c, who, currency)))
      },
    )
    .get('/all', guards.requireUser, query(z.strictObject({ userId: named })), async (c) => {
      const { userId } = c.req.valid('query')
      const who = whose(c, userId)
      const found = await reader.balances(who)
      // A caller is a user, even a new one.
      if (!found && who.userId !== c.get('principal').userId) throw refusal('unknown_user')
      const { items, seq } = found ?? { items: [], seq: 0 }
      return answer(c, { items: items.map(({ seq: _, ...item }) => wireBalance(item)), seq })
    })
    .get(
      '/series',
      guards.requireUser,
      query(
        wallet
          .extend({
            from: field.instant
              .exactOptional()
              .meta({ description: 'The first point. Default: the first movement of money.' }),
            to: field.instant
              .exactOptional()
              .meta({ description: 'The last point. Default: now.' }),
            points,
          })
          .refine(({ from, to }) => !from || !to || Date.parse(from) < Date.parse(to), {
            path: ['to'],
            error: 'must be after from',
          }),
      ),
      async (c) => {
        const { userId, currency, ...range } = c.req.valid('query')
        const series = await reader.balanceSeries(whose(c, userId), currency, range)
        return answer(c, {
          currency,
          items: series.map(({ at, balance }) => ({ at, balance: wireAmount(balance, currency) })),
        })
      },
    )
    .get('/snapshot', guards.requireUser, query(wallet), async (c) => {
      const { currency, userId } = c.req.valid('query')
      const snapshot = await reader.snapshot(whose(c, userId), currency)
      if (!snapshot) throw new ApiError(404, 'not_found', 'There is no such wallet yet.')
      const { tenant: _, ...fields } = snapshot
      return answer(c, {
        ...fields,
        balance: wireAmount(snapshot.balance, currency),
        held: wireAmount(snapshot.held, currency),
      })
    })
}

/** What there is, what is promised of it and what can be spent, in major units. */
export function wireBalance<T extends { balance: bigint; held: bigint; currency: string }>(
  wallet: T,
) {
  const { balance, held, ...rest } = wallet
  return {
    ...rest,
    balance: wireAmount(balance, wallet.currency),
    held: wireAmount(held, wallet.currency),
    available: wireAmount(balance - held, wallet.currency),
  }
}
