import type { Context, MiddlewareHandler } from 'hono'
import * as z from 'zod'
import { RETURN_PATHS, type SignIn, type SignInPage } from '../auth/sign-in.ts'
import { type Env, factory } from '../http/context.ts'
import { answer, json } from '../http/payload.ts'
import * as field from '../http/schemas.ts'
import { toIso } from '../ledger/rows.ts'
import { ApiError } from '../lib/api-error.ts'
import type { RouteDeps } from './deps.ts'

/** In characters. The longest codes of providers have about 2,000. */
const MAX_CODE = 4096

const page = z
  .enum(Object.keys(RETURN_PATHS) as [SignInPage, ...SignInPage[]])
  .meta({ description: 'The page that the person is given back to.' })

/** `/sign-in`: sign-in by the identity provider, for the server's own pages. Mount it only where there is one. */
export function signInRoutes(
  { guards, revocations, log }: Pick<RouteDeps, 'guards' | 'revocations' | 'log'>,
  signIn: Pick<SignIn, 'begin' | 'finish' | 'endUrl'>,
  rateLimit: MiddlewareHandler<Env>,
) {
  return factory
    .createApp()
    .post(
      '/begin',
      rateLimit,
      json(
        z.strictObject({
          page,
          again: z
            .boolean()
            .exactOptional()
            .meta({ description: 'The provider asks who the person is, even if it knows them.' }),
        }),
      ),
      async (c) => {
        const { page, again = false } = c.req.valid('json')
        return answer(c, await signIn.begin(page, ownOrigin(c), again))
      },
    )
    .post(
      '/finish',
      rateLimit,
      json(
        z.strictObject({
          state: field.text(64).meta({ description: 'Of `POST /sign-in/begin`.' }),
          proof: field.text(64).meta({ description: 'Of `POST /sign-in/begin`.' }),
          code: field.text(MAX_CODE).min(1),
          iss: field.text(2048).exactOptional(),
        }),
      ),
      async (c) => {
        ownOrigin(c)
        const { iss, ...rest } = c.req.valid('json')
        const session = await signIn.finish({ ...rest, ...(iss !== undefined && { issuer: iss }) })
        const expiresAt = toIso(new Date(session.expiresAt * 1000).toISOString())
        return answer(c, { ...session, expiresAt })
      },
    )
    .post('/end', guards.requireUser, json(z.strictObject({ page })), async (c) => {
      const { tenant, userId, tokenId, expiresAt } = c.var.principal
      const origin = ownOrigin(c)
      const { page } = c.req.valid('json')
      if (tokenId !== undefined) {
        await revocations.revoke({
          ...{ tenant, tokenId, reason: 'signed out', revokedBy: userId },
          expiresAt: toIso(new Date(expiresAt * 1000).toISOString()),
        })
      }
      log.info({ userId, tenant }, 'a person signed out')
      return answer(c, { url: (await signIn.endUrl(page, origin)) ?? null })
    })
}

/**
 * The origin of the page that asks, which the provider gives the person back to. Only a page of this server may ask, so
 * it cannot lead to another one. The provider checks it too.
 * @throws ApiError 403
 */
function ownOrigin(c: Context<Env>): string {
  const origin = c.req.header('Origin')
  if (origin && URL.canParse(origin) && new URL(origin).host === c.req.header('Host')) return origin
  throw new ApiError(403, 'forbidden', 'Only a page of this server can sign a person in.')
}
