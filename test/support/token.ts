import { mintToken as mint, type TokenClaims } from '../../src/auth/tokens.ts'

/** The secret that test servers are configured with, unless a test is about another one. */
export const TEST_SECRET = 'the secret of the tests: at least 32 bytes'

/** A token of `TEST_SECRET`, valid for an hour. `expiresIn` is in seconds. */
export function mintToken({
  secret = TEST_SECRET,
  ...claims
}: Omit<TokenClaims, 'expiresIn'> & { expiresIn?: number; secret?: string }): Promise<string> {
  return mint(secret, { expiresIn: 3600, ...claims })
}
