import type { Fetch, WebSocketConstructor } from '../runtime.ts'

/** How a connection ended, or why there was none. */
export interface LinkEnd {
  code: string
  message: string
  /** Seconds that the server asks to wait. */
  retryAfter?: number | undefined
  /** The server answers, but not to this transport. */
  blocked?: boolean
}

/** Where to connect, and as whom. */
export interface LinkTarget {
  /** Without a slash at its end. */
  url: string
  token: string
  currency: string | undefined
  /** Of the last event that the client has. */
  lastEventId: string | undefined
  fetch: Fetch
  WebSocket: WebSocketConstructor | undefined
}

export interface LinkHandlers {
  message(event: string, data: Record<string, unknown>): void
  /** Shows life that is no message. */
  beat(): void
  /** Once, unless `close` was called before. */
  ended(end: LinkEnd): void
}

/** One connection, on any transport. */
export interface Link {
  /** Lives on with a fresh token; false where that takes a new connection. */
  authenticate(token: string): boolean
  /** Makes the server answer something, if it is still there; false where that cannot be asked for. */
  probe(): boolean
  close(): void
}

export type OpenLink = (target: LinkTarget, handlers: LinkHandlers) => Link

/** The query of a stream's URL. */
export function streamQuery({ lastEventId, currency }: LinkTarget, ticket?: string): string {
  const query = new URLSearchParams()
  if (ticket !== undefined) query.set('token', ticket)
  if (lastEventId !== undefined) query.set('lastEventId', lastEventId)
  if (currency !== undefined) query.set('currency', currency)
  return `?${query}`
}

/** What a refused request tells, from the server's error envelope where there is one. */
export async function refusalOf(response: Response): Promise<LinkEnd> {
  const { status } = response
  const body = (await response.json().catch(() => ({}))) as { code?: string; message?: string }
  const retryAfter = Number(response.headers.get('retry-after')) || undefined
  const unnamed = status === 401 ? 'unauthorized' : 'unreachable'
  const { code = unnamed, message = `the server answered ${status}` } = body ?? {}
  return { code, message, retryAfter }
}

export const unreachable = (message = 'the connection broke off'): LinkEnd => ({
  code: 'unreachable',
  message,
})
