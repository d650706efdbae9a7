import type { Context } from 'hono'
import * as z from 'zod'
import { type ApiKey, KEY_ROLES, type KeyRole } from '../auth/api-key.ts'
import { MAX_KEYS } from '../auth/api-key-store.ts'
import { MAX_EXPIRY_SECONDS } from '../auth/claims.ts'
import type { Principal } from '../auth/principal.ts'
import { SCOPES, type Scope } from '../auth/scopes.ts'
import { type Env, factory } from '../http/context.ts'
import { answer, json, param, query } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import type { DeedOrigin } from '../ledger/deed.ts'
import { ApiError } from '../lib/api-error.ts'
import { asDeed } from './deed.ts'
import type { RouteDeps } from './deps.ts'
import { idempotent } from './writes.ts'

const MAX_OVERLAP_SECONDS = 7 * 86_400
const DAY_SECONDS = 86_400

const keyFields = {
  name: field.text(200).refine((text) => text.trim() !== '', 'must not be empty'),
  roles: z
    .array(z.enum(KEY_ROLES))
    .min(1)
    .transform((roles) => [...new Set(roles)])
    .meta({ description: 'Only roles that the caller has. An operator can give both.' }),
  scopes: z
    .array(z.enum(SCOPES))
    .min(1)
    .transform((scopes) => [...new Set(scopes)])
    .nullable()
    .default(null)
    .meta({ description: 'Narrows the key. Null: everything that its roles allow.' }),
  userId: field.userId.exactOptional().meta({
    description:
      'Whom the ledger names as the actor of a service’s key. Default: `key:` and its id. A key with the role admin acts in the name of its maker.',
  }),
  expiresAt: field.instant
    .refine((time) => Date.parse(time) > Date.now(), 'must be in the future')
    .nullable()
    .default(null)
    .meta({ description: 'Null: it works until it is revoked.' }),
}

const overlap = z.strictObject({
  overlapSeconds: z.int().min(0).max(MAX_OVERLAP_SECONDS).default(DAY_SECONDS).meta({
    description: 'The key before works for this time too.',
  }),
})

const page = {
  cursor: z.uuid().exactOptional().meta({ description: 'The `nextCursor` of the page before.' }),
  limit: field.pageLimit,
}

type Deps = Pick<RouteDeps, 'guards' | 'idempotency' | 'apiKeys' | 'tenants' | 'deeds' | 'log'>

interface Asked {
  name: string
  roles: KeyRole[]
  scopes: Scope[] | null
  userId?: string
  expiresAt: string | null
}

/** What both groups of routes do. */
function keyActions(deps: Deps) {
  const { idempotency, apiKeys } = deps
  /** The key itself is stored nowhere, so a repeated answer does not have it. */
  const withSecret = (
    c: Context<Env>,
    status: 200 | 201,
    act: () => Promise<{ key: ApiKey; secret: string }>,
  ) => {
    let secret: string | null = null
    const remember = async () => {
      const made = await act()
      secret = made.secret
      return keyJson(made.key)
    }
    return idempotent(c, idempotency, remember, status, (made) => ({ ...made, key: secret }))
  }

  return {
    create(c: Context<Env>, tenant: string, { userId, ...asked }: Asked) {
      const { principal } = c.var
      const { name, roles, scopes } = asked
      const deed = { deed: 'key_create', asked: { name, roles, scopes } } as const
      const act = async (origin: DeedOrigin) => {
        requireNoMore(principal, asked)
        const isAdmin = asked.roles.includes('admin')
        if (isAdmin && userId !== undefined) {
          throw new ApiError(400, 'invalid_request', 'userId: not of a key with the role admin', {
            details: { issues: [{ path: 'userId', message: 'not of a key with the role admin' }] },
          })
        }
        const actor = isAdmin ? principal.userId : (userId ?? null)
        const made = await apiKeys.create(
          { ...asked, tenant, kind: 'service', userId: actor },
          principal.userId,
          origin,
        )
        if (made) return made
        throw new ApiError(409, 'conflict', `The tenant already has ${MAX_KEYS} keys that work.`)
      }
      return withSecret(c, 201, () => asDeed(c, deps, deed, act, tenant))
    },
    rotate(c: Context<Env>, tenant: string | undefined, id: string, overlapSeconds: number) {
      const { principal } = c.var
      const deed = { deed: 'key_change', target: id, asked: { overlapSeconds } } as const
      const act = async (origin: DeedOrigin) => {
        const key = tenant === undefined ? undefined : await apiKeys.get(tenant, id)
        if (!key) throw noKey()
        requireNoMore(principal, key)
        // Otherwise one admin could act in the name of another.
        const actor = key.roles.includes('admin') ? principal.userId : null
        const rotated = await apiKeys.rotate(key.tenant, id, overlapSeconds, actor, origin)
        if (rotated) return rotated
        throw new ApiError(409, 'conflict', 'The key was revoked, or has expired.')
      }
      return withSecret(c, 200, () => asDeed(c, deps, deed, act, tenant))
    },
    async revoke(c: Context<Env>, tenant: string | undefined, id: string) {
      const deed = { deed: 'key_revoke', target: id } as const
      const act = async (origin: DeedOrigin) => {
        const key = tenant === undefined ? undefined : await apiKeys.get(tenant, id)
        if (!key) throw noKey()
        return (await apiKeys.revoke(key.tenant, id, c.var.principal.userId, origin)) ?? key
      }
      return answer(c, keyJson(await asDeed(c, deps, deed, act, tenant)))
    },
    async list(c: Context<Env>, asked: Parameters<typeof apiKeys.list>[0]) {
      const { items, nextCursor } = await apiKeys.list(asked)
      return answer(c, { items: items.map(keyJson), nextCursor })
    },
  }
}

/** `/admin/keys`: an admin manages the keys of their tenant. */
export function keyRoutes(deps: Deps) {
  const { requireAdmin } = deps.guards
  const keys = keyActions(deps)
  return factory
    .createApp()
    .post('/', requireAdmin, json(z.strictObject(keyFields)), (c) =>
      keys.create(c, c.var.principal.tenant, c.req.valid('json')),
    )
    .get('/', requireAdmin, query(z.strictObject(page)), (c) =>
      keys.list(c, { tenant: c.var.principal.tenant, ...c.req.valid('query') }),
    )
    .post('/:id/rotate', requireAdmin, param(field.byId), json(overlap), (c) => {
      const { tenant } = c.var.principal
      const { overlapSeconds } = c.req.valid('json')
      return keys.rotate(c, tenant, c.req.valid('param').id, overlapSeconds)
    })
    .delete('/:id', requireAdmin, param(field.byId), (c) =>
      keys.revoke(c, c.var.principal.tenant, c.req.valid('param').id),
    )
}

/** `/platform/keys`: an operator manages the keys of every tenant. */
export function platformKeyRoutes(deps: Deps) {
  const { guards, apiKeys, tenants } = deps
  const { requireOperator } = guards
  const keys = keyActions(deps)
  return factory
    .createApp()
    .post(
      '/',
      requireOperator,
      json(z.strictObject({ tenant: field.tenant, ...keyFields })),
      async (c) => {
        const { tenant, ...asked } = c.req.valid('json')
        if (tenants.isMade(tenant)) return keys.create(c, tenant, asked)
        return asDeed(c, deps, { deed: 'key_create', asked: { tenant } }, async () => {
          throw new ApiError(404, 'not_found', 'There is no such tenant.')
        })
      },
    )
    .get(
      '/',
      requireOperator,
      query(z.strictObject({ tenant: field.tenant.exactOptional(), ...page })),
      (c) => keys.list(c, c.req.valid('query')),
    )
    .post('/:id/rotate', requireOperator, param(field.byId), json(overlap), async (c) => {
      const { id } = c.req.valid('param')
      const { overlapSeconds } = c.req.valid('json')
      return keys.rotate(c, await apiKeys.tenantOf(id), id, overlapSeconds)
    })
    .delete('/:id', requireOperator, param(field.byId), async (c) => {
      const { id } = c.req.valid('param')
      return keys.revoke(c, await apiKeys.tenantOf(id), id)
    })
}

const noKey = () => new ApiError(404, 'not_found', 'There is no such key.')

/**
 * A key cannot get more than its maker has. A key that makes keys gives neither scopes that it lacks nor a longer life.
 * @throws ApiError `forbidden`
 */
function requireNoMore(
  { isOperator, isAdmin, isService, isActing, scopes: own, keyId, expiresAt }: Principal,
  asked: Pick<ApiKey, 'roles' | 'scopes' | 'expiresAt'>,
): void {
  const refused = (what: string) =>
    new ApiError(403, 'forbidden', `A key cannot get more than you have: ${what}.`)
  const has = { admin: isAdmin || isOperator, service: isService || isOperator }
  const role = asked.roles.find((name) => !has[name])
  if (role !== undefined) throw refused(`you do not have the role ${role}`)
  if (own && !asked.scopes?.every((scope) => own.includes(scope))) {
    throw refused('your own key has fewer scopes')
  }
  // An operator who acts as an admin has a key of minutes, and makes those of others.
  if (keyId === undefined || isActing) return
  const until = asked.expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(asked.expiresAt)
  if (until > expiresAt * 1000 && expiresAt < MAX_EXPIRY_SECONDS) {
    throw refused('your own key ends earlier')
  }
}

function keyJson({ kind: _, ...key }: ApiKey) {
  return key
}
