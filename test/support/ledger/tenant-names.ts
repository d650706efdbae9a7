/** Two tenants with users of the same names. Whatever `mine` asks for, in all of `theirs` ids, is its own. */
export const mine = { tenant: 'mine', userId: 'alice' }
export const theirs = { tenant: 'theirs', userId: 'alice' }
/** In every text that belongs to `theirs`. */
export const MARK = 'MARK-OF-THEIRS'
/** Has opened a hold in `theirs`. */
export const SERVICE = 'shop'
/** Has reported payments of both tenants. */
export const PROVIDER = 'test'
