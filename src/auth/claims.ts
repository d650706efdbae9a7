import type { JWTPayload } from 'jose'
import * as z from 'zod'
import { DEFAULT_TENANT, isTenant, isUserId } from '../lib/identity.ts'
import type { ClaimNames, Principal } from './principal.ts'
import { tokenRefused } from './tokens.ts'

/** The last second with a four-digit year, which every reader of ISO dates accepts. */
export const MAX_EXPIRY_SECONDS = 253_402_300_799

/** In UTF-16 units: a revocation and its index can hold an id of this length. */
export const MAX_TOKEN_ID = 512

const userId = z.string().refine(isUserId)
const tenantName = z
  .string()
  .refine(isTenant)
  .nullish()
  .transform((tenant) => tenant ?? DEFAULT_TENANT)

/** A list, or its only member. Some providers send null for an empty list. */
const roleNames = z
  .union([z.array(z.string()), z.string().transform((role) => [role])])
  .nullish()
  .transform((roles) => roles ?? [])

const SCOPE = /(^|\.)(scope|scp)$/

const registered = z.object({
  exp: z.number().transform((seconds) => Math.min(seconds, MAX_EXPIRY_SECONDS)),
  iat: z.number().optional(),
  jti: z.string().max(MAX_TOKEN_ID).nullish(),
})

/** The tenant that a token names. @throws ApiError 401 if that cannot be a tenant */
export function tenantIn(payload: JWTPayload, claim = 'tenant'): string {
  return parsed(tenantName, claimOf(payload, claim), claim)
}

/**
 * Reads the bearer from a verified token.
 * @throws ApiError 401 with the name of a claim that is missing or not accepted
 */
export function createClaimReader({
  user = 'sub',
  roles = ['roles', 'role'],
  tenant = 'tenant',
  roleMap,
}: ClaimNames = {}): (payload: JWTPayload) => Principal {
  return (payload) => {
    const { exp, iat, jti } = parsed(registered, payload)
    const held = new Set(
      roles
        .flatMap((claim) => {
          const names = parsed(roleNames, claimOf(payload, claim), claim)
          // RFC 8693: names with blanks between.
          return SCOPE.test(claim) ? names.flatMap((text) => text.split(' ')) : names
        })
        .map((name) => (roleMap ? roleMap.get(name) : name.toLowerCase())),
    )
    return {
      userId: parsed(userId, claimOf(payload, user), user),
      tenant: tenantIn(payload, tenant),
      isAdmin: held.has('admin'),
      isService: held.has('service'),
      ...(held.has('operator') && { isOperator: true as const }),
      expiresAt: exp,
      ...(iat !== undefined && { issuedAt: iat }),
      ...(typeof jti === 'string' && { tokenId: jti }),
    }
  }
}

/** A claim by its name, such as `cognito:groups` or a URL, else by a path, such as `realm_access.roles`. */
function claimOf(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name]
  return name.split('.').reduce<unknown>((value, part) => {
    const isObject = typeof value === 'object' && value !== null && Object.hasOwn(value, part)
    return isObject ? (value as Record<string, unknown>)[part] : undefined
  }, payload)
}

function parsed<T extends z.ZodType>(schema: T, value: unknown, claim?: string): z.output<T> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw tokenRefused('claim', claim ?? String(result.error.issues[0]?.path[0]))
}
