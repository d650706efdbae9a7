import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import * as z from 'zod'
import { cacheEntryOf } from '../http/cached-reads.ts'
import { type Env, factory } from '../http/context.ts'
import { refusal } from '../http/errors.ts'
import { isOwn, subject } from '../http/middleware/authorize.ts'
import { amountJson, answer, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import type { Balance } from '../ledger/balance.ts'
import type { UserRef } from '../ledger/event.ts'
import { wireNumber } from '../ledger/money.ts'
import { ApiError } from '../lib/api-error.ts'
import type { RouteDeps } from './deps.ts'

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
    currency: field.currencyOr(currency),
    userId: field.onBehalfOf('an admin'),
  })

  const userOf = (c: Context<Env>, named: string | undefined): UserRef => {
    // Faster than `c.var`, which copies all variables.
    const principal = c.get('principal')
    return subject(principal, named, principal.isAdmin)
  }
  /** A caller's first read registers the caller, so that others can send money. An admin's read of another user creates nothing. */
  const balanceOf = async (c: Context<Env>, user: UserRef, currency: string): Promise<Balance> => {
    if (isOwn(c.get('principal'), user)) return reader.balance(user, currency)
    const wallet = await reader.knownBalance(user, currency)
    if (!wallet) throw refusal('unknown_user')
    return wallet
  }

  return factory
    .createApp()
    .get('/cached', guards.requireCaller, query(wallet), async (c) => {
      const { currency, userId } = c.req.valid('query')
      const user = userOf(c, userId)
      const { incoming } = (c.env ?? {}) as Partial<HttpBindings>
      const known = cacheEntryOf(incoming)
      const cached = known === undefined ? await cache.cachedBalance(user, currency) : known
      if (cached !== null) {
        cacheReads.hits += 1
        return answer(c, { balance: wireNumber(cached) as number, cached: true })
      }
      cacheReads.misses += 1
      const { balance, seq } = await balanceOf(c, user, currency)
      void cache.fill(user, currency, balance, seq)
      return answer(c, { balance: amountJson(balance, currency), cached: false })
    })
    .get(
      '/',
      guards.requireCaller,
      query(
        wallet.extend({
          at: field.instant
            .exactOptional()
            .meta({ description: 'The balance at this time, inclusive. Default: now.' }),
        }),
      ),
      async (c) => {
        const { currency, userId, at } = c.req.valid('query')
        const user = userOf(c, userId)
        if (at !== undefined) {
          const balance = await reader.balanceAt(user, currency, at)
          return answer(c, { balance: amountJson(balance, currency), currency, at })
        }
        return answer(c, balanceJson(await balanceOf(c, user, currency)))
      },
    )
    .get('/all', guards.requireCaller, query(wallet.pick({ userId: true })), async (c) => {
      const { userId } = c.req.valid('query')
      const user = userOf(c, userId)
      const found = await reader.balances(user)
      // The caller is always a user, even without a wallet.
      if (!found && !isOwn(c.get('principal'), user)) throw refusal('unknown_user')
      const { items, seq } = found ?? { items: [], seq: 0 }
      return answer(c, { items: items.map(({ seq: _, ...item }) => balanceJson(item)), seq })
    })
    .get(
      '/series',
      guards.requireCaller,
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
        const series = await reader.balanceSeries(userOf(c, userId), currency, range)
        return answer(c, {
          currency,
          items: series.map(({ at, balance }) => ({ at, balance: amountJson(balance, currency) })),
        })
      },
    )
    .get('/snapshot', guards.requireCaller, query(wallet), async (c) => {
      const { currency, userId } = c.req.valid('query')
      const snapshot = await reader.snapshot(userOf(c, userId), currency)
      if (!snapshot)
        throw new ApiError(404, 'not_found', 'The user has no wallet in this currency yet.')
      const { tenant: _, ...fields } = snapshot
      return answer(c, {
        ...fields,
        balance: amountJson(snapshot.balance, currency),
        held: amountJson(snapshot.held, currency),
      })
    })
}

/** The balance, held and available amounts in major units. */
export function balanceJson<T extends { balance: bigint; held: bigint; currency: string }>(
  wallet: T,
) {
  const { balance, held, ...rest } = wallet
  return {
    ...rest,
    balance: amountJson(balance, wallet.currency),
    held: amountJson(held, wallet.currency),
    available: amountJson(balance - held, wallet.currency),
  }
}
