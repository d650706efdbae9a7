import { resolve } from 'node:path'
import { keptSecret, ownSecret } from '../auth/secret.ts'
import { mintToken, type TokenClaims } from '../auth/token.ts'
import { ConfigError } from '../config/environment.ts'
import { openDataFolder } from '../local/data-folder.ts'
import { aboutFolder } from '../local/errors.ts'
import { dataFolderOf } from '../local/postgres.ts'
import { CommandFailed, UsageError } from './command.ts'
import type { CommandConfig } from './config.ts'

/** Seconds: as long as a person works at most. */
const LIFE = 12 * 3600

type Keys = Pick<
  CommandConfig,
  'databaseUrl' | 'dataDir' | 'jwtSecret' | 'jwksUrl' | 'jwtIssuer' | 'jwtAudience'
>

/**
 * Signs a token as the server with the same environment would want it.
 * @param options.newSecret whether a data folder without a secret gets one
 * @throws ConfigError where only somebody else can sign one
 * @throws CommandFailed where there is no secret to sign with
 */
export async function signToken(
  config: Keys,
  claims: Omit<TokenClaims, 'issuer' | 'audience'>,
  { newSecret = false } = {},
): Promise<string> {
  const secret = await secretOf(config, newSecret)
  return mintToken(secret, { ...claims, issuer: config.jwtIssuer, audience: config.jwtAudience })
}

async function secretOf(
  { jwtSecret, jwksUrl, databaseUrl, dataDir }: Keys,
  newSecret: boolean,
): Promise<string> {
  if (jwtSecret !== undefined) return jwtSecret
  if (jwksUrl !== undefined) {
    throw new ConfigError(
      'JWT_JWKS_URL is set: only your identity provider can sign tokens; give one in LIVEBALANCE_TOKEN',
    )
  }
  if (databaseUrl !== undefined) {
    throw new ConfigError('JWT_SECRET must be set, or a token given in LIVEBALANCE_TOKEN')
  }
  const folder = dataFolderOf(dataDir)
  try {
    const secret = newSecret ? await ownSecret(openDataFolder(folder)) : await keptSecret(folder)
    if (secret !== undefined) return secret
  } catch (error) {
    throw aboutFolder(error, folder)
  }
  throw new CommandFailed(
    'no_secret',
    `no server has run on the data folder ${resolve(dataDir)}, or it was given a JWT_SECRET: run this where the server runs, or set DATA_DIR, JWT_SECRET or LIVEBALANCE_TOKEN`,
  )
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
