import { toIso } from '../../ledger/rows.ts'
import { parseDuration, UNITS } from '../../lib/duration.ts'
import { ID_RULE, isTenant, isUserId, MAX_TENANT, MAX_USER_ID } from '../../lib/identity.ts'
import { command, UsageError } from '../command.ts'
import { signToken } from '../server-api.ts'

const ROLES = ['admin', 'service', 'operator']

/** Without --expires. */
const DEFAULT_SECONDS = UNITS.h

export const tokenCommand = command({
  name: 'token',
  summary: 'Sign a token for development',
  details: `Signs with JWT_SECRET, or with the secret in DATA_DIR, which is created if there is none. The token contains
JWT_ISSUER and JWT_AUDIENCE if they are set. In production, tokens come from your identity provider.`,
  options: {
    sub: { type: 'string', value: 'user', description: 'The user id. Required.' },
    roles: {
      type: 'string',
      value: 'list',
      description: 'admin, service, operator or several: admin,service.',
    },
    tenant: { type: 'string', value: 'name', description: 'Default: `default`.' },
    expires: {
      type: 'string',
      value: 'time',
      description:
        '1h, 30m, 7d or seconds, at most JWT_MAX_LIFETIME. Default: 1h, or less if that is less.',
    },
  },
  async run({ options, json, terminal, config }) {
    const { sub, tenant, expires } = options
    const { jwtMaxLifetime = Number.POSITIVE_INFINITY } = config
    if (sub === undefined) throw new UsageError('--sub is missing: the user id')
    if (!isUserId(sub)) throw new UsageError(`--sub ${ID_RULE(MAX_USER_ID)}`)
    if (tenant !== undefined && !isTenant(tenant)) {
      throw new UsageError(`--tenant ${ID_RULE(MAX_TENANT)}`)
    }
    const expiresIn =
      expires === undefined ? Math.min(DEFAULT_SECONDS, jwtMaxLifetime) : parseDuration(expires)
    if (expiresIn === undefined || expiresIn === 0) {
      throw new UsageError('--expires is a duration such as 1h or 7d')
    }
    if (expiresIn > jwtMaxLifetime) {
      throw new UsageError(`--expires is longer than JWT_MAX_LIFETIME: ${jwtMaxLifetime} s at most`)
    }
    const roles = options.roles?.split(',').map((role) => role.trim().toLowerCase())
    const unknown = roles?.find((role) => !ROLES.includes(role))
    if (unknown !== undefined) throw new UsageError(`--roles can be ${ROLES.join(', ')}`)
    const claims = {
      sub,
      expiresIn,
      ...(roles && { roles }),
      ...(tenant !== undefined && { tenant }),
    }
    // A server that is started on this data folder later accepts the token.
    const token = await signToken(config, claims, { newSecret: true })
    const expiresAt = toIso(new Date(Date.now() + expiresIn * 1000).toISOString())
    terminal.print(json ? JSON.stringify({ token, expiresAt }) : token)
    return 0
  },
})
