/**
 * The ids of users and tenants, as an identity provider makes them: `auth0|5f7c`, `spiffe://shop/booking`,
 * `ann+x@example.com`. They are compared as they come, code point by code point: nothing is normalized.
 */

/** In characters (code points), which are at most 1,020 bytes of UTF-8. */
export const MAX_USER_ID = 255
export const MAX_TENANT = 64

/** The tenant of tokens that name none. It always exists. */
export const DEFAULT_TENANT = 'default'

/** White space (as JavaScript sees it, so U+FEFF too), control characters, and halves of surrogate pairs. */
const UNFIT = /[\s\p{Cc}\p{Cs}]/u

/** The same for the API documents, without what only some engines know. JSON has no halves of pairs. */
export const ID_PATTERN = '^[^\\s\\u0000-\\u001F\\u007F-\\u009F\\uFEFF]+$'

/** URLs take these two for steps in a path, even percent-encoded, so no path can name such a user. */
const DOT_SEGMENTS: ReadonlySet<string> = new Set(['.', '..'])

export const isUserId = (text: string): boolean => isId(text, MAX_USER_ID)
export const isTenant = (text: string): boolean => isId(text, MAX_TENANT)

/** What the two functions ask for, to follow the name of a field. */
export const ID_RULE = (max: number): string =>
  `must be 1 to ${max} characters without white space and control characters, and not . or ..`

function isId(text: string, max: number): boolean {
  if (text === '' || text.length > 2 * max || UNFIT.test(text) || DOT_SEGMENTS.has(text))
    return false
  return text.length <= max || [...text].length <= max
}

/** Words that stand in public keys where a tenant can stand. */
const RESERVED: ReadonlySet<string> = new Set(['user', 'updates'])

/**
 * A tenant as one part of a key: `:` separates parts, and `{` and `}` choose a slot of Redis Cluster. What would
 * collide is percent-encoded, so that no two tenants share a part.
 */
export function tenantPart(tenant: string): string {
  if (RESERVED.has(tenant)) return `%${tenant.charCodeAt(0).toString(16)}${tenant.slice(1)}`
  return tenant.replace(/[%:{}]/g, encodeURIComponent)
}

/** A user id as the last part of a key, which may contain `:`. */
export function userPart(userId: string): string {
  return userId.replace(/[%{}]/g, encodeURIComponent)
}

/** A user of a tenant as one text, unique for each. */
export function userKey({ tenant, userId }: { tenant: string; userId: string }): string {
  return `${tenantPart(tenant)}:${userPart(userId)}`
}
