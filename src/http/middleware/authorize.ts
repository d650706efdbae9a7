import type { Context, MiddlewareHandler } from 'hono'
import { tenantSuspended } from '../../auth/gate.ts'
import type { Authenticator, Principal } from '../../auth/principal.ts'
import { isInScope, scopeMissing, scopeOf } from '../../auth/scopes.ts'
import { actingHasNoWallet, tokenRefused } from '../../auth/tokens.ts'
import { ApiError } from '../../lib/api-error.ts'
import { originIn } from '../../rate-limit/client-address.ts'
import type { Kind, RateLimiter } from '../../rate-limit/limiter.ts'
import { type Env, factory } from '../context.ts'

/** Marks a guard with the access it grants. The API documents and the tests read it from the routes. */
export const ADMITS: unique symbol = Symbol('the access that this guard grants')

export type Access = 'user' | 'admin' | 'admin or service' | 'admin or operator' | 'operator'

export type Guard = MiddlewareHandler<Env> & { [ADMITS]: Access }

/** What tenants decide about requests. */
export interface TenantRules {
  /** Currency of requests that name none. */
  currencyOf(tenant: string): string
  isSuspended(tenant: string): boolean
  /** @throws ApiError 403 if pages of this origin may not call for the tenant */
  requireOrigin(tenant: string, origin: string | undefined, host: string | undefined): void
}

export interface Guards {
  /** Any valid token of a user. An operator who acts as an admin is none. */
  requireUser: Guard
  /** Also an operator who acts as an admin. For routes that learn by `subject` whom they are about. */
  requireCaller: Guard
  /** As `requireCaller`, counted as a handshake: for requests that prepare a connection. */
  requireUserToConnect: Guard
  requireAdmin: Guard
  requireAdminOrService: Guard
  requireAdminOrOperator: Guard
  /** The platform's. No API key is let in. */
  requireOperator: Guard
  /** Counts so many more requests of the caller: for a request that does the work of several. */
  charge(c: Context<Env>, requests: number): void
}

/**
 * Guards for REST routes. They take the token only from the Authorization header, never from the URL. They
 * count every request, including failed ones.
 */
export function createGuards(
  authenticator: Authenticator,
  limiter?: RateLimiter,
  tenants?: TenantRules,
): Guards {
  async function identify(c: Context<Env>, kind: Kind): Promise<Principal> {
    const address = addressOf(c, limiter)
    limiter?.look(kind, address)
    try {
      const principal = await authenticator.authenticate(bearer(c.req.header('Authorization')))
      requireScope(principal, c.req.method, c.req.path)
      if (principal.isActing && kind === 'writes' && tenants?.isSuspended(principal.tenant)) {
        throw tenantSuspended()
      }
      tenants?.requireOrigin(principal.tenant, c.req.header('Origin'), c.req.header('Host'))
      limiter?.take(kind, principal, address, c.get('headers'))
      c.set('address', address)
      return principal
    } catch (error) {
      limiter?.failed(kind, address, error)
      throw error
    }
  }

  const guard = (
    access: Access,
    admits: (principal: Principal) => boolean,
    { kind, own = false }: { kind?: Kind; own?: boolean } = {},
  ): Guard =>
    Object.assign(
      factory.createMiddleware(async function guard(c, next) {
        const principal = await identify(c, kind ?? kindOf(c.req.method))
        if (own) requireWallet(principal)
        if (!admits(principal)) {
          throw new ApiError(403, 'forbidden', `This request requires the role ${access}.`)
        }
        c.set('principal', principal)
        c.set('currency', tenants?.currencyOf(principal.tenant))
        return next() as Promise<undefined>
      }),
      { [ADMITS]: access },
    )
  return {
    charge: (c, requests) =>
      limiter?.charge(kindOf(c.req.method), c.get('principal'), addressOf(c, limiter), requests),
    requireUser: guard('user', () => true, { own: true }),
    requireCaller: guard('user', () => true),
    requireUserToConnect: guard('user', () => true, { kind: 'handshakes' }),
    requireAdmin: guard('admin', (principal) => principal.isAdmin),
    requireOperator: guard('operator', ({ isOperator }) => isOperator === true),
    requireAdminOrService: guard(
      'admin or service',
      ({ isAdmin, isService }) => isAdmin || isService,
    ),
    requireAdminOrOperator: guard(
      'admin or operator',
      ({ isAdmin, isOperator }) => isAdmin || isOperator === true,
    ),
  }
}

/** @throws ApiError 403 if an API key is narrowed to other requests */
function requireScope({ scopes }: Principal, method: string, path: string): void {
  if (!scopes || isInScope(scopes, method, path)) return
  throw scopeMissing(scopeOf(method, path))
}

/** For routes without a token: counts the request only against its address. */
export function limitByAddress(limiter: RateLimiter | undefined) {
  return factory.createMiddleware(async function limitByAddress(c: Context<Env>, next) {
    limiter?.takeFrom(kindOf(c.req.method), addressOf(c, limiter))
    await next()
  })
}

export const kindOf = (method: string): Kind =>
  method === 'GET' || method === 'HEAD' ? 'reads' : 'writes'

/** The client's address, or undefined on runtimes that do not give it. */
export function addressOf(c: Context, limiter: RateLimiter | undefined): string | undefined {
  return limiter?.addressOf(originIn(c.env))
}

function bearer(header: string | undefined): string {
  const [, token, more] = /^Bearer +(\S+)( *\S)?/i.exec(header ?? '') ?? []
  if (token === undefined) {
    throw tokenRefused('missing', undefined, 'Send a token: Authorization: Bearer <jwt>.')
  }
  if (more !== undefined) throw tokenRefused('malformed')
  return token
}

/** Whether something is the caller's own. Nothing is an acting operator's, whatever their id. */
export const isOwn = ({ userId, isActing }: Principal, user: { userId: string }): boolean =>
  !isActing && user.userId === userId

/** @throws ApiError 403 for an operator who acts as an admin */
export function requireWallet({ isActing }: Principal): void {
  if (isActing) throw actingHasNoWallet()
}

/**
 * The user that a request is about: the caller, or the user it names.
 * @throws ApiError 403 if a caller without `privileged` names another user, or an acting operator names none
 */
export function subject(
  principal: Principal,
  named: string | undefined,
  privileged: boolean,
): { tenant: string; userId: string } {
  const { tenant } = principal
  if (named === undefined) {
    requireWallet(principal)
    return { tenant, userId: principal.userId }
  }
  if (!isOwn(principal, { userId: named }) && !privileged) {
    throw new ApiError(403, 'forbidden', 'Your role does not allow you to name another user.')
  }
  return { tenant, userId: named }
}
