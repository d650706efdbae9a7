import type { AddressInfo } from 'node:net'
import { mintToken } from '../auth/token.ts'
import type { Config } from '../config/config.ts'

/** Seconds. */
const TOKEN_LIFE = 7 * 86_400

/** The address as one would type it. */
export function urlOf({ address, port, family }: AddressInfo): string {
  const everywhere = address === '0.0.0.0' || address === '::' || address === '127.0.0.1'
  return `http://${everywhere ? 'localhost' : family === 'IPv6' ? `[${address}]` : address}:${port}`
}

/** What the screen tells of a server. */
export interface LocalServer {
  address: AddressInfo
  dataDir: string | undefined
  /** What it runs on for Redis, for a person. */
  redis: string
}

/**
 * The screen of a server that looks after itself: where it is, what it runs on, two tokens, and three
 * commands that show a balance change. For embedded mode alone: it holds an admin's token.
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
      expiresIn: Math.min(TOKEN_LIFE, config.jwtMaxLifetime ?? TOKEN_LIFE),
      issuer: config.jwtIssuer,
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
