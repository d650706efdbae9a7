import { hkdfSync, randomUUID } from 'node:crypto'
import { decodeProtectedHeader, SignJWT } from 'jose'
import type { ClaimNames, Principal } from './principal.ts'

/** What the tokens of sessions are called in their header, so that no other token is taken for one. */
const TYPE = 'lb-session+jwt'

/** Their `iss` and `aud`: they are signed by this installation, for itself. */
export const SESSION_ISSUER = 'livebalance'

/** The claims of a session do not depend on how the identity provider names its own. */
export const SESSION_CLAIMS: ClaimNames = { user: 'sub', roles: ['roles'], tenant: 'tenant' }

/** The person of a session. */
export type Person = Pick<Principal, 'userId' | 'tenant' | 'isAdmin' | 'isOperator'>

/**
 * The key of sessions, derived from a secret that all processes share. The secret itself signs the tokens of others,
 * so a key of our own keeps the two apart.
 */
export const sessionSecret = (secret: string): string =>
  Buffer.from(hkdfSync('sha256', secret, '', 'livebalance session', 32)).toString('base64url')

/** The token of a person who signed in by the identity provider. Like every token, it can be revoked by its `jti`. */
export async function signSession(
  secret: string,
  { userId, tenant, isAdmin, isOperator }: Person,
  seconds: number,
): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const roles = [...(isAdmin ? ['admin'] : []), ...(isOperator ? ['operator'] : [])]
  return new SignJWT({ tenant, roles })
    .setProtectedHeader({ alg: 'HS256', typ: TYPE })
    .setSubject(userId)
    .setIssuer(SESSION_ISSUER)
    .setAudience(SESSION_ISSUER)
    .setIssuedAt(now)
    .setExpirationTime(now + seconds)
    .setJti(randomUUID())
    .sign(new TextEncoder().encode(secret))
}

/** Whether a token calls itself one of a session. Its signature then proves it. */
export function looksLikeSession(token: string): boolean {
  try {
    return decodeProtectedHeader(token).typ === TYPE
  } catch {
    return false
  }
}
