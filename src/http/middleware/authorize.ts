import type { Context, MiddlewareHandler } from 'hono'
import type { Authenticator, Principal } from '../../auth/principal.ts'
import { tokenRefused } from '../../auth/token-refusal.ts'
import { ApiError } from '../../lib/api-error.ts'
import type { Kind, RateLimiter } from '../../rate-limit/limiter.ts'
import { type Env, factory } from '../context.ts'
import { addressOf, kindOf } from './rate-limited.ts'

/** Who may call a route, found on its guard by whoever documents or tests the routes. */
export const ADMITS: unique symbol = Symbol('whom this guard admits')

export type Access = 'user' | 'admin' | 'admin or service'

export type Guard = MiddlewareHandler<Env> & { [ADMITS]: Access }

export interface Guards {
  /** Any valid token. */
  requireUser: Guard
  /** The same, for what prepares a connection: counted as a handshake. */
  requireUserToConnect: Guard
  requireAdmin: Guard
  requireAdminOrService: Guard
}

/**
 * Guards for REST routes: they take the token from the Authorization header alone, never from the URL, and
 * count the request, a failed one too.
 */
export function createGuards(authenticator: Authenticator, limiter?: RateLimiter): Guards {
  async function identify(c: Context<Env>, kind: Kind): Promise<Principal> {
    const address = addressOf(c, limiter)
    limiter?.look(kind, address)
    try {
      const principal = await authenticator.authenticate(bearer(c.req.header('Authorization')))
      limiter?.take(kind, principal, address, c.get('headers'))
      return principal
    } catch (error) {
      limiter?.failed(kind, address, error)
      throw error
    }
  }

  const guard = (access: Access, admits: (principal: Principal) => boolean, kind?: Kind): Guard =>
    Object.assign(
      factory.createMiddleware(async function guard(c, next) {
        const principal = await identify(c, kind ?? kindOf(c.req.method))
        if (!admits(principal)) {
          throw new ApiError(403, 'forbidden', `This takes the role ${access}.`)
        }
        c.set('principal', principal)
        return next() as Promise<undefined>
      }),
      { [ADMITS]: access },
    )
  return {
    requireUser: guard('user', () => true),
    requireUserToConnect: guard('user', () => true, 'handshakes'),
    requireAdmin: guard('admin', (principal) => principal.isAdmin),
    requireAdminOrService: guard(
      'admin or service',
      ({ isAdmin, isService }) => isAdmin || isService,
    ),
  }
}

function bearer(header: string | undefined): string {
  const [, token, more] = /^Bearer +(\S+)( *\S)?/i.exec(header ?? '') ?? []
  if (token === undefined) {
    throw tokenRefused('missing', undefined, 'Send a token: Authorization: Bearer <jwt>.')
  }
  if (more !== undefined) throw tokenRefused('malformed')
  return token
}

/**
 * The user whom a request is about: the caller, or the one it names.
 * @throws ApiError 403 when a caller names somebody else without `privileged`
 */
export function subject(
  principal: Principal,
  named: string | undefined,
  privileged: boolean,
): { tenant: string; userId: string } {
  if (named !== undefined && named !== principal.userId && !privileged) {
    throw new ApiError(403, 'forbidden', 'You may name nobody but yourself here.')
  }
  return { tenant: principal.tenant, userId: named ?? principal.userId }
}
