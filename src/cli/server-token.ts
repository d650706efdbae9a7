import { ownSecret } from '../auth/secret.ts'
import { mintToken, type TokenClaims } from '../auth/token.ts'
import { dataFolderOf } from '../embedded/postgres.ts'
import { ConfigError } from '../environment.ts'
import { UsageError } from './command.ts'
import type { CommandConfig } from './config.ts'

/** Seconds: as long as a person works at most. */
const LIFE = 12 * 3600

type Keys = Pick<
  CommandConfig,
  'databaseUrl' | 'dataDir' | 'jwtSecret' | 'jwksUrl' | 'jwtIssuer' | 'jwtAudience'
>

/**
 * Signs a token as the server with the same environment would want it.
 * @throws ConfigError where only somebody else can sign one
 */
export async function signToken(
  config: Keys,
  claims: Omit<TokenClaims, 'issuer' | 'audience'>,
): Promise<string> {
  const secret = await secretOf(config)
  return mintToken(secret, { ...claims, issuer: config.jwtIssuer, audience: config.jwtAudience })
}

async function secretOf({ jwtSecret, jwksUrl, databaseUrl, dataDir }: Keys): Promise<string> {
  if (jwtSecret !== undefined) return jwtSecret
  if (jwksUrl !== undefined) {
    throw new ConfigError(
      'JWT_JWKS_URL is set: only your identity provider can sign tokens; give one in LIVEBALANCE_TOKEN',
    )
  }
  if (databaseUrl !== undefined) {
    throw new ConfigError('JWT_SECRET must be set, or a token given in LIVEBALANCE_TOKEN')
  }
  return ownSecret(dataFolderOf(dataDir))
}

/** Seconds that a command's own tokens live: no longer than the server takes them for. */
export function ownLife({ jwtMaxLifetime = LIFE }: Pick<CommandConfig, 'jwtMaxLifetime'>): number {
  return Math.min(LIFE, jwtMaxLifetime)
}

/** LIVEBALANCE_TOKEN, else one signed here for an admin of the tenant. */
export async function adminToken(
  config: CommandConfig,
  tenant: string | undefined,
): Promise<string> {
  if (config.serverToken === undefined) {
    const claims = { sub: 'cli', roles: ['admin'], expiresIn: ownLife(config) }
    return signToken(config, { ...claims, ...(tenant && { tenant }) })
  }
  if (tenant !== undefined) {
    throw new UsageError('--tenant: the token in LIVEBALANCE_TOKEN says which tenant it is for')
  }
  return config.serverToken
}
