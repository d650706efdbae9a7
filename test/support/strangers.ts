import { base64url, SignJWT } from 'jose'
import type { Principal } from '../../src/auth/principal.ts'
import { TEST_SECRET } from './token.ts'

const seconds = () => Math.floor(Date.now() / 1000)
const claims = () => ({ sub: 'alice', roles: ['admin', 'service'], exp: seconds() + 600 })
const part = (value: object) => base64url.encode(JSON.stringify(value))
const signed = (payload: object, secret = TEST_SECRET, alg = 'HS256') =>
  new SignJWT({ ...payload }).setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret))

const REVOKED = 'revoked'

/** Of test servers that revoke no token, except for the one among the strangers. */
export const revocations = {
  covers: ({ tokenId }: Principal) => tokenId === REVOKED,
  onRevoked: () => () => {},
}

/** Tokens that must open nothing, though each claims every role. The first is empty. */
export const STRANGERS: Readonly<Record<string, () => Promise<string>>> = {
  'no token': async () => '',
  'a broken token': async () => 'abc.def.ghi',
  'a password': async () => btoa('alice:secret'),
  'an expired token': () => signed({ ...claims(), exp: seconds() - 31 }),
  'a revoked token': () => signed({ ...claims(), jti: REVOKED }),
  'a token without expiry': () => signed({ sub: 'alice', roles: ['admin'] }),
  'another secret': () => signed(claims(), 'x'.repeat(32)),
  'another algorithm': () => signed(claims(), TEST_SECRET, 'HS384'),
  'algorithm none': async () => `${part({ alg: 'none' })}.${part(claims())}.`,
}
