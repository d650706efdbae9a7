import type { IncomingMessage } from 'node:http'
import { ApiError } from '../lib/api-error.ts'

/**
 * Headers that a request may have only once. If they repeat, Node keeps the first of some and joins others by
 * a comma. Two keys would become a third one, and a proxy may have checked the other token.
 */
const SINGLE: ReadonlySet<string> = new Set([
  ...['host', 'origin', 'authorization', 'content-type', 'content-encoding'],
  ...['idempotency-key', 'last-event-id'],
])

const LENGTHS: ReadonlySet<number> = new Set([...SINGLE].map((name) => name.length))

/** The error for a request whose head is not acceptable, whether it is an upgrade or not. */
export function headError({ rawHeaders, url = '' }: IncomingMessage): ApiError | undefined {
  const header = repeatedHeader(rawHeaders)
  if (header !== undefined) return malformed(`The request has more than one ${header} header.`)
  return targetError(url)
}

/** @param url the request's target, or its whole URL */
export function targetError(url: string): ApiError | undefined {
  if (url.includes('%') && !isEncoded(url)) {
    return malformed('The request target is not percent-encoded UTF-8.')
  }
  if (repeatsParameter(url)) return malformed('The query has a parameter more than once.')
  return undefined
}

function repeatedHeader(rawHeaders: readonly string[]): string | undefined {
  const seen: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const given = rawHeaders[i] ?? ''
    if (!LENGTHS.has(given.length)) continue
    const name = given.toLowerCase()
    if (seen.includes(name)) return name
    if (SINGLE.has(name)) seen.push(name)
  }
  return undefined
}

function isEncoded(url: string): boolean {
  try {
    decodeURIComponent(url)
    return true
  } catch {
    return false
  }
}

function repeatsParameter(url: string): boolean {
  const query = url.indexOf('?')
  if (query < 0 || !url.includes('&', query)) return false
  const names = [...new URLSearchParams(url.slice(query)).keys()]
  return new Set(names).size < names.length
}

const malformed = (message: string) => new ApiError(400, 'invalid_request', message)
