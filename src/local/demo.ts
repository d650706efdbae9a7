import { mintToken } from '../auth/token.ts'
import type { Config } from '../config/config.ts'
import { toIso } from '../ledger/rows.ts'
import type { DemoDeps } from '../routes/demo.ts'

/** Seconds: long enough to try things, short enough that the pages are seen to renew it. */
const SESSION = 3600

/**
 * The demo sign-in, or nothing: it is for a server with a private database that signs its own tokens.
 * @param expiresIn seconds
 */
export function demoOf(
  config: Pick<
    Config,
    'databaseUrl' | 'tokenKeys' | 'jwtIssuer' | 'jwtAudience' | 'jwtMaxLifetime' | 'production'
  >,
  secret: string | undefined,
  expiresIn = Math.min(SESSION, config.jwtMaxLifetime ?? SESSION),
): DemoDeps | undefined {
  if (config.databaseUrl !== undefined || config.production || secret === undefined)
    return undefined
  return {
    async session(as) {
      const userId = `demo-${as}`
      const token = await mintToken(secret, {
        sub: userId,
        roles: as === 'admin' ? ['admin'] : [],
        expiresIn,
        issuer: config.jwtIssuer,
        audience: config.jwtAudience,
      })
      return {
        token,
        userId,
        expiresAt: toIso(new Date(Date.now() + expiresIn * 1000).toISOString()),
      }
    },
  }
}
