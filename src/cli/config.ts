import type { Config } from '../config/config.ts'
import { parseVariables } from '../config/environment.ts'

/** What the command line reads of the same environment; each command says itself what it cannot do without. */
export interface CommandConfig
  extends Pick<
    Config,
    | 'databaseUrl'
    | 'appRole'
    | 'redisUrl'
    | 'dataDir'
    | 'jwtIssuer'
    | 'jwtAudience'
    | 'jwtMaxLifetime'
    | 'currency'
  > {
  jwtSecret: string | undefined
  jwksUrl: string | undefined
  serverUrl: string
  serverToken: string | undefined
}

/** @throws ConfigError that names every bad variable, a line each */
export function parseCommandConfig(
  env: Record<string, string | undefined> = process.env,
): CommandConfig {
  const vars = parseVariables(env)
  return {
    databaseUrl: vars.DATABASE_URL,
    appRole: vars.APP_ROLE,
    redisUrl: vars.REDIS_URL,
    dataDir: vars.DATA_DIR,
    jwtIssuer: vars.JWT_ISSUER,
    jwtAudience: vars.JWT_AUDIENCE,
    jwtMaxLifetime: vars.JWT_MAX_LIFETIME,
    currency: vars.CURRENCY,
    jwtSecret: vars.JWT_SECRET,
    jwksUrl: vars.JWT_JWKS_URL,
    serverUrl: vars.LIVEBALANCE_URL ?? `http://localhost:${vars.PORT}`,
    serverToken: vars.LIVEBALANCE_TOKEN,
  }
}
