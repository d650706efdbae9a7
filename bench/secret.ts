/** Signs the tokens of all benches. */
export const SECRET = 'the secret of the bench: at least 32 bytes'
