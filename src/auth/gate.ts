import { ApiError } from '../lib/api-error.ts'
import type { Departures } from '../tenants/departures.ts'
import type { TenantDirectory } from '../tenants/tenant.ts'
import type { ApiKeys } from './api-keys.ts'
import type { Authenticator, Gate, Principal, TokenMemory } from './principal.ts'

export interface GateOptions {
  tenants: TenantDirectory
  keys?: ApiKeys | undefined
  /** Only made tenants are let in. Default false. */
  onlyMade?: boolean
  /** Whether the database of a tenant was reached since this process started. Default: it was. */
  isReached?: (tenant: string) => boolean
  /** Tenants that moved to another database than the settings of this process say. Default: none. */
  departures?: Pick<Departures, 'hasLeft' | 'onChange'>
}

/** Clients try again, because a tenant can be resumed. All of its clients do, so not often. */
const SUSPENDED_RETRY_SECONDS = 30

/** The 403 for whoever is of a suspended tenant. */
export const tenantSuspended = () =>
  new ApiError(403, 'tenant_suspended', 'This tenant is suspended.', {
    retryAfter: SUSPENDED_RETRY_SECONDS,
  })

const UNREACHED_RETRY_SECONDS = 5

/**
 * Decides who may not go on. An operator always may: otherwise nobody could resume the tenant of the operators. Outside
 * of `/platform` they are users of their tenant like any other.
 */
export function createGate({
  tenants,
  keys,
  onlyMade = false,
  isReached = () => true,
  departures,
}: GateOptions): Gate {
  return {
    problem(principal) {
      if (principal.keyId !== undefined) {
        const ended = keys?.problem(principal)
        if (ended) return ended
      }
      const { tenant } = principal
      if (!isReached(tenant)) {
        return new ApiError(503, 'unavailable', 'The database of this tenant cannot be reached.', {
          retryAfter: UNREACHED_RETRY_SECONDS,
        })
      }
      if (departures?.hasLeft(tenant)) {
        return new ApiError(503, 'unavailable', 'This tenant moves to another database.', {
          retryAfter: UNREACHED_RETRY_SECONDS,
        })
      }
      if (principal.isOperator) return undefined
      // An operator who acts as an admin may look why. The guards let them write nothing.
      if (tenants.isSuspended(tenant) && !principal.isActing) return tenantSuspended()
      if (onlyMade && !tenants.isMade(tenant)) {
        return new ApiError(403, 'forbidden', 'There is no such tenant.')
      }
      return undefined
    },
    onChange(listener) {
      const stops = [
        tenants.onChange(listener),
        keys?.onEnded(listener),
        departures?.onChange(listener),
      ]
      return () => {
        for (const stop of stops) stop?.()
      }
    },
  }
}

/** Lets in the bearers of tokens and of API keys whom the gate has nothing against. */
export function createAccess(
  tokens: Authenticator & TokenMemory,
  gate: Gate,
  keys?: ApiKeys,
): Authenticator & TokenMemory {
  const isKey = (token: string) => keys?.looksLikeOne(token) === true
  const admitted = (principal: Principal): Principal => {
    const problem = gate.problem(principal)
    if (problem) throw problem
    return principal
  }
  return {
    async authenticate(token) {
      if (keys && isKey(token)) return admitted(await keys.authenticate(token))
      return admitted(await tokens.authenticate(token))
    },
    recall(token) {
      const principal = isKey(token) ? keys?.recall(token) : tokens.recall(token)
      return principal && !gate.problem(principal) ? principal : undefined
    },
  }
}
