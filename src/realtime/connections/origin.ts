/**
 * Whether a page of this origin may open a connection. Programs that are no browser send none; a page of
 * our own host always may.
 * @param allowed origins, or `*`
 */
export function originAllowed(
  allowed: readonly string[],
  origin: string | undefined,
  host: string | undefined,
): boolean {
  if (origin === undefined || allowed.includes('*') || allowed.includes(origin)) return true
  return URL.canParse(origin) && new URL(origin).host === host
}
