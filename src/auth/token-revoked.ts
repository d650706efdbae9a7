import { ApiError } from '../errors.ts'

/** What the bearer of a revoked token is told, on every way in. */
export const tokenRevoked = () =>
  new ApiError(401, 'token_revoked', 'The token was revoked; sign in again.')
