import { ApiError } from '../lib/api-error.ts'

/** What an API key can be narrowed to: reading or changing what is under these paths. */
export const RESOURCES = {
  /** Balances, transactions, events and streams. */
  transactions: /^\/(transactions|balance|service)(\/|$)/,
  webhooks: /^\/admin\/webhooks(\/|$)/,
  keys: /^\/admin\/keys(\/|$)/,
  /** Everything else of the tenant. */
  admin: /^\/admin(\/|$)/,
} as const

export type Scope = `${keyof typeof RESOURCES}:${'read' | 'write'}`

export const SCOPES = (Object.keys(RESOURCES) as (keyof typeof RESOURCES)[]).flatMap((resource) => [
  `${resource}:read` as const,
  `${resource}:write` as const,
])

/** The scopes of streams: those of a user or a service, and that of admins. */
export const STREAM_SCOPES = {
  user: 'transactions:read',
  service: 'transactions:read',
  admin: 'admin:read',
} as const satisfies Record<string, Scope>

/** Whether a key that is narrowed to these scopes opens a request. A ticket is for either kind of stream. */
export function isInScope(scopes: readonly Scope[], method: string, path: string): boolean {
  if (path === '/balance/ticket') {
    return Object.values(STREAM_SCOPES).some((scope) => scopes.includes(scope))
  }
  const scope = scopeOf(method, path)
  return scope !== undefined && scopes.includes(scope)
}

/** The scope that a request needs. Undefined: it is under none of the paths. */
export function scopeOf(method: string, path: string): Scope | undefined {
  if (path === '/balance/ticket') return STREAM_SCOPES.user
  const access = method === 'GET' || method === 'HEAD' ? 'read' : 'write'
  for (const [resource, pattern] of Object.entries(RESOURCES)) {
    if (pattern.test(path)) return `${resource as keyof typeof RESOURCES}:${access}`
  }
  return undefined
}

export function scopeMissing(scope: Scope | undefined): ApiError {
  const message =
    scope === undefined
      ? 'An API key with scopes does not open this.'
      : `This API key does not have the scope ${scope}.`
  return new ApiError(403, 'forbidden', message, scope && { details: { scope } })
}
