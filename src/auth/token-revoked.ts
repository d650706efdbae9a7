import { tokenRefused } from './token-refusal.ts'

/** What the bearer of a revoked token is told, on every way in. */
export const tokenRevoked = () => tokenRefused('revoked')
