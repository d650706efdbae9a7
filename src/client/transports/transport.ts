import type { Fetch, WebSocketConstructor } from '../runtime.ts'

/** Why a connection ended, or could not be opened. */
export interface ConnectionEnd {
  code: string
  message: string
  /** The server asks to wait for this many seconds. */
  retryAfter?: number | undefined
  /** The server can be reached, but not over this transport. */
  blocked?: boolean
}

export interface TransportTarget {
  /** Without a slash at its end. */
  url: string
  token: string
  currency: string | undefined
  maxRate: number | undefined
  transactions: 'merged' | 'each' | undefined
  /** The id of the last event that the client has. */
  lastEventId: string | undefined
  fetch: Fetch
  WebSocket: WebSocketConstructor | undefined
}

export interface TransportHandlers {
  message(event: string, data: Record<string, unknown>): void
  /** The connection is alive, although it received no message. */
  beat(): void
  /** Only the first call counts. */
  ended(end: ConnectionEnd): void
}

/** One connection on any transport. */
export interface TransportConnection {
  /** Continues with a new token. False if that requires a new connection. */
  authenticate(token: string): boolean
  /** Makes the server send something if it still responds. False if the transport cannot do that. */
  probe(): boolean
  close(): void
}

export type OpenTransport = (
  target: TransportTarget,
  handlers: TransportHandlers,
) => TransportConnection

/** The query of a stream's URL. */
export function streamQuery(target: TransportTarget, ticket?: string): string {
  const { lastEventId, currency, maxRate, transactions } = target
  return queryOf({ token: ticket, lastEventId, currency, maxRate, transactions })
}

/** A query with the given parameters. Those that are undefined are left out. */
export function queryOf(parameters: Record<string, string | number | undefined>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined)
  return `?${new URLSearchParams(given as [string, string][])}`
}

/** The reason of a rejected request, from the server's error envelope if there is one. */
export async function rejectionOf(response: Response): Promise<ConnectionEnd> {
  const { status } = response
  const body = (await response.json().catch(() => ({}))) as { code?: string; message?: string }
  const retryAfter = Number(response.headers.get('retry-after')) || undefined
  const unnamed = status === 401 ? 'unauthorized' : 'unreachable'
  const { code = unnamed, message = `The server answered with status ${status}.` } = body ?? {}
  return { code, message, retryAfter }
}

export const unreachable = (message = 'The connection was lost.'): ConnectionEnd => ({
  code: 'unreachable',
  message,
})
