import type { Context } from 'hono'

/** The request headers that `isNavigation` reads, for `Vary`. */
export const NAVIGATION_HEADERS = 'Accept, Authorization, Sec-Fetch-Mode'

/**
 * Whether a browser opens this URL as a page, by a typed address, a link or a reload. Some HTTP clients also prefer
 * HTML by default, so `Accept` is not enough: the browser must say that it navigates, which no script can. Over plain
 * HTTP browsers do not say so. Then a request without credentials counts, which no REST route would answer.
 */
export function isNavigation({ req }: Context): boolean {
  if (req.method !== 'GET' && req.method !== 'HEAD') return false
  if (!req.header('Accept')?.includes('text/html')) return false
  const mode = req.header('Sec-Fetch-Mode')
  if (mode !== undefined) return mode === 'navigate'
  return req.header('Authorization') === undefined && req.query('token') === undefined
}
