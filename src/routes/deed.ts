import type { Context } from 'hono'
import type { Env } from '../http/context.ts'
import { isOwn } from '../http/middleware/authorize.ts'
import type { DeedOrigin, NewDeed } from '../ledger/deed.ts'
import type { Deeds } from '../ledger/deeds.ts'
import type { UserRef } from '../ledger/event.ts'
import { ApiError } from '../lib/api-error.ts'
import type { Logger } from '../lib/log.ts'

/** Who sends this request, for the log of deeds. */
export function originOf(c: Context<Env>): DeedOrigin {
  const { principal, requestId, address } = c.var
  const { tenant, userId: actor, isAdmin, isService, isOperator, keyId } = principal
  const held = { admin: isAdmin, service: isService, operator: isOperator }
  const roles = Object.entries(held).flatMap(([role, has]) => (has ? [role] : []))
  return {
    ...{ tenant, actor, roles, requestId },
    ...(keyId !== undefined && { keyId }),
    ...(address !== undefined && { address }),
  }
}

/**
 * Does something that admins, services or operators may do, so that it is on record. `act` gets the origin, and passes it
 * to what changes the database, which notes the deed in the same statement. If `act` refuses with an `ApiError`, that is
 * noted here.
 * @param tenant on whose record it is. Default: that of the caller
 */
export async function asDeed<T>(
  c: Context<Env>,
  { deeds, log }: { deeds: Pick<Deeds, 'note'>; log: Logger },
  deed: NewDeed,
  act: (origin: DeedOrigin) => Promise<T>,
  tenant = c.var.principal.tenant,
): Promise<T> {
  const origin = { ...originOf(c), tenant }
  try {
    return await act(origin)
  } catch (error) {
    // A refusal changes nothing, so the caller gets it also while it cannot be noted.
    if (error instanceof ApiError && error.status < 500) {
      await deeds.note(origin, deed, error.code).catch((err) => {
        const { requestId } = c.var
        log.warn({ err, requestId, deed: deed.deed }, 'a refused deed could not be noted')
      })
    }
    throw error
  }
}

/** Like `asDeed`, for what users may do themselves: it is a deed only if it concerns another user. */
export function asDeedForOthers<T>(
  c: Context<Env>,
  deps: Parameters<typeof asDeed>[1],
  user: UserRef,
  deed: NewDeed,
  act: (origin?: DeedOrigin) => Promise<T>,
): Promise<T> {
  if (isOwn(c.var.principal, user)) return act()
  return asDeed(c, deps, { ...deed, userId: user.userId }, act)
}
