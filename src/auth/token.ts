import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'

/** What a token says of its bearer. `expiresIn` is seconds from now. */
export interface TokenClaims {
  sub: string
  roles?: readonly string[]
  tenant?: string
  expiresIn: number
  issuer?: string | undefined
  audience?: string | undefined
  /** `jti`, by which the token can be revoked. Default: a random one. */
  id?: string
}

/** Signs an HS256 token: for demos, tests and the command line. Real ones come from your identity provider. */
export async function mintToken(secret: string, claims: TokenClaims): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const payload: Record<string, unknown> = {}
  if (claims.roles) payload.roles = claims.roles
  if (claims.tenant !== undefined) payload.tenant = claims.tenant
  const jwt = new SignJWT(payload)
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(claims.sub)
    .setIssuedAt(now)
    .setExpirationTime(now + claims.expiresIn)
    .setJti(claims.id ?? randomUUID())
  if (claims.issuer !== undefined) jwt.setIssuer(claims.issuer)
  if (claims.audience !== undefined) jwt.setAudience(claims.audience)
  return jwt.sign(new TextEncoder().encode(secret))
}
