import type { AddressInfo } from 'node:net'
import { mintToken } from '../auth/tokens.ts'
import type { Config } from '../config/config.ts'
import { toIso } from '../ledger/rows.ts'
import type { DemoDeps } from '../routes/web.ts'

/** Long enough to try things, short enough that one sees the pages renew it. */
const SESSION_SECONDS = 3600

/** Of the two tokens on the screen. */
const TOKEN_SECONDS = 7 * 86_400

type DemoConfig = Pick<
  Config,
  | 'databaseUrl'
  | 'tokenKeys'
  | 'jwtIssuers'
  | 'jwtClaims'
  | 'jwtAudience'
  | 'jwtMaxLifetime'
  | 'production'
>

/**
 * The sign-in without a password. Undefined unless the server has a private database and signs its own tokens.
 *
 * @param expiresIn seconds
 */
export function createDemo(
  config: DemoConfig,
  secret: string | undefined,
  expiresIn = Math.min(SESSION_SECONDS, config.jwtMaxLifetime ?? SESSION_SECONDS),
): DemoDeps | undefined {
  if (config.databaseUrl !== undefined || config.production || secret === undefined)
    return undefined
  return {
    async session(as) {
      const userId = `demo-${as}`
      const token = await mintToken(secret, {
        sub: userId,
        // Who sits at this machine runs the installation, too.
        roles: as === 'admin' ? ['admin', 'operator'] : [],
        expiresIn,
        issuers: config.jwtIssuers,
        names: config.jwtClaims,
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

/** The URL for an address, as a person would type it. */
export function urlOf({ address, port, family }: AddressInfo): string {
  const everywhere = address === '0.0.0.0' || address === '::' || address === '127.0.0.1'
  return `http://${everywhere ? 'localhost' : family === 'IPv6' ? `[${address}]` : address}:${port}`
}

/** The parts of a running server that the screen shows. */
export interface LocalServer {
  address: AddressInfo
  dataDir: string | undefined
  /** Names the Redis, for a person. */
  redis: string
}

/**
 * The screen of a server with a private database: its URL, two tokens, and three commands that show a balance
 * change. It holds a token of an admin, so it is shown in no other mode.
 */
export async function welcome(
  running: LocalServer,
  secret: string,
  config: Config,
): Promise<string> {
  const mint = (sub: string, roles: string[]) =>
    mintToken(secret, {
      sub,
      roles,
      expiresIn: Math.min(TOKEN_SECONDS, config.jwtMaxLifetime ?? TOKEN_SECONDS),
      issuers: config.jwtIssuers,
      names: config.jwtClaims,
      audience: config.jwtAudience,
    })
  const user = await mint('demo-user', [])
  const admin = await mint('demo-admin', ['admin'])
  const url = urlOf(running.address)
  return `
Livebalance is ready at ${url}

  Data    ${running.dataDir}
  Redis   ${running.redis}
  User    ${user}
  Admin   ${admin}

Open ${url} and ${url}/admin in a browser, and sign in with one click. Or without one: watch a balance (leave this running):

  curl -N "${url}/balance/stream?token=${user}"

In another terminal, as the user, ask for a topup:

  ID=$(curl -s ${url}/transactions/topup -H "Authorization: Bearer ${user}" -H "Content-Type: application/json" -d '{"amount": 50}' | sed 's/.*"id":"\\([^"]*\\)".*/\\1/'); echo "$ID"

As the admin, approve it, and see the first terminal:

  curl -s -X PATCH "${url}/transactions/topup/$ID/process" -H "Authorization: Bearer ${admin}" -H "Content-Type: application/json" -d '{"status": "success"}'

`
}
