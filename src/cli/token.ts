import { parseArgs } from 'node:util'
import { ownSecret } from '../auth/secret.ts'
import { mintToken } from '../auth/token.ts'
import { type Config, ConfigError, parseConfig, parseDuration } from '../config.ts'

const USAGE = `Usage: npm run -s token -- --sub <user> [--roles admin,service] [--tenant <name>] [--expires 1h]

Prints a token for development, signed with JWT_SECRET or the embedded server's own secret.
`

async function secretOf({ tokenKeys, dataDir }: Config): Promise<string> {
  if (tokenKeys.kind === 'secret') return tokenKeys.secret
  if (tokenKeys.kind === 'generated') return ownSecret(dataDir)
  throw new ConfigError('JWT_JWKS_URL is set: only your identity provider can sign tokens')
}

async function run(): Promise<string> {
  const { values } = parseArgs({
    options: {
      sub: { type: 'string' },
      roles: { type: 'string' },
      tenant: { type: 'string' },
      expires: { type: 'string', default: '1h' },
      help: { type: 'boolean' },
    },
  })
  if (values.help || values.sub === undefined) throw new ConfigError(USAGE)
  const expiresIn = parseDuration(values.expires)
  if (expiresIn === undefined) throw new ConfigError('--expires takes a duration such as 1h or 7d')
  const config = parseConfig()
  return mintToken(await secretOf(config), {
    sub: values.sub,
    expiresIn,
    ...(values.roles !== undefined && { roles: values.roles.split(',') }),
    ...(values.tenant !== undefined && { tenant: values.tenant }),
    issuer: config.jwtIssuer,
    audience: config.jwtAudience,
  })
}

try {
  console.log(await run())
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
