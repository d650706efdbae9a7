import { ApiError } from './api-error.ts'
import type { Logger } from './log.ts'

/** In a list of origins: the pages served from this machine, on any port, over http or https. */
export const LOCAL_PAGES = 'http://localhost:*'

const LOCAL_ORIGIN = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/

/** Whether a text can stand in a list of origins. */
export const isOrigin = (text: string): boolean =>
  text === '*' || (URL.canParse(text) && new URL(text).origin === text)

/** @param listed origins, `LOCAL_PAGES`, or `*` for every origin */
export function isListed(listed: readonly string[], origin: string): boolean {
  if (listed.includes('*') || listed.includes(origin)) return true
  return listed.includes(LOCAL_PAGES) && LOCAL_ORIGIN.test(origin)
}

/**
 * Whether a page of this origin may open a connection. Programs other than browsers send no origin. A page of
 * our own host may always connect.
 * @param allowed as of `isListed`
 */
export function originAllowed(
  allowed: readonly string[],
  origin: string | undefined,
  host: string | undefined,
): boolean {
  if (origin === undefined || isListed(allowed, origin)) return true
  return URL.canParse(origin) && new URL(origin).host === host
}

/** A bound for the memory that foreign pages can take. */
const MAX_NAMED = 100
const MAX_ORIGIN_LENGTH = 200

/** Refuses pages of origins that are not listed. The log names each origin once, because such a page tries again for hours. */
export class RefusedOrigins {
  readonly #log: Pick<Logger, 'warn'>
  readonly #named = new Set<string>()

  constructor(log: Pick<Logger, 'warn'>) {
    this.#log = log
  }

  refuse(sent: string): ApiError {
    const origin = sent.slice(0, MAX_ORIGIN_LENGTH)
    if (!this.#named.has(origin) && this.#named.size < MAX_NAMED) {
      this.#named.add(origin)
      this.#log.warn(
        { origin },
        'a page of this origin was refused: neither CORS_ORIGINS nor its tenant lists it',
      )
    }
    return new ApiError(
      403,
      'forbidden',
      'Pages of this origin may not connect. To allow them, add the origin to CORS_ORIGINS of the server, or to allowedOrigins of the tenant.',
      // The page may read this answer, which says nothing else.
      { details: { origin }, headers: { 'Access-Control-Allow-Origin': '*' } },
    )
  }
}
