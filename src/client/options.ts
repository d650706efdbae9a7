import type { RetryBounds } from './retry.ts'
import type { Fetch, WebSocketConstructor } from './runtime.ts'
import type { Transport } from './snapshot.ts'
import type { GetToken } from './token.ts'

/** A fixed token, or a way to ask for one. */
export type TokenOption =
  | { token: string; getToken?: undefined }
  | { getToken: GetToken; token?: undefined }

export interface ServerOption {
  /** Of the server, such as `https://balance.example.com`. Default: the page's own origin. */
  url?: string | undefined
  /** Default: the runtime's own. */
  fetch?: Fetch | undefined
}

export type BalanceClientOptions = TokenOption &
  ServerOption & {
    /**
     * `auto`: a WebSocket, or SSE where none can be opened. `socketio` needs the package
     * `socket.io-client`. Default `auto`.
     */
    transport?: Transport | 'auto' | undefined
    /** ISO 4217 code of the balance. Default: the server's. */
    currency?: string | undefined
    /** Whether the tabs of one user share one connection, where the browser can. Default true. */
    share?: boolean | undefined
    retry?: RetryBounds | undefined
    /**
     * Milliseconds that a new connection has to say the balance; `auto` then takes SSE instead of a
     * WebSocket. Default 8000.
     */
    connectTimeout?: number | undefined
    /** Default: the runtime's own. Node 20 has none: give it the package `ws`, or it uses SSE. */
    WebSocket?: WebSocketConstructor | undefined
  }

/**
 * The server's URL without a slash at its end.
 * @throws TypeError for no URL, outside of pages
 */
export function serverUrl(url: string | undefined, baseUrl: string | undefined): string {
  if (url === undefined && baseUrl === undefined) {
    throw new TypeError('url is required outside of web pages')
  }
  const { origin, pathname } = new URL(url ?? '/', baseUrl)
  let end = pathname.length
  while (pathname[end - 1] === '/') end -= 1
  return origin + pathname.slice(0, end)
}
