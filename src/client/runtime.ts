/** The part of a browser's `WebSocket` that the client uses. The package `ws` has it too. */
export interface WebSocketLike {
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  send(data: string): void
  close(code?: number): void
}

export type WebSocketConstructor = new (url: string) => WebSocketLike

export type Fetch = (input: string, init?: RequestInit) => Promise<Response>

export interface Channel {
  onmessage: ((event: never) => void) | null
  postMessage(message: unknown): void
  close(): void
}

export interface Locks {
  request(
    name: string,
    options: { signal?: AbortSignal; steal?: boolean },
    callback: () => Promise<void>,
  ): Promise<unknown>
}

/** The browser features with which tabs share a connection. */
export interface TabTools {
  locks: Locks
  openChannel(name: string): Channel
}

/** Everything that the client needs from its environment. Some of it may be missing. */
export interface Runtime {
  fetch: Fetch
  WebSocket: WebSocketConstructor | undefined
  tabs: TabTools | undefined
  /** The URL of the page. Undefined outside of web pages. */
  baseUrl: string | undefined
  /** False only if the browser is certain that there is no network. */
  isOnline(): boolean
  isVisible(): boolean
  /** Calls back when the network changes or the page becomes visible. Returns a function that stops it. */
  onWake(listener: () => void): () => void
  /**
   * Calls back with true when the page may enter the back-forward cache, and with false when it returns
   * from it. Returns a function that stops it.
   */
  onSuspend(listener: (suspended: boolean) => void): () => void
}

type Listen = (type: string, listener: (event: { persisted?: boolean }) => void) => void

/** The globals that not every runtime has. */
interface Globals {
  WebSocket?: WebSocketConstructor
  BroadcastChannel?: new (name: string) => Channel
  navigator?: { onLine?: boolean; locks?: Locks }
  location?: { href: string }
  document?: { visibilityState: string; addEventListener: Listen; removeEventListener: Listen }
  addEventListener?: Listen
  removeEventListener?: Listen
}

export function currentRuntime(): Runtime {
  const globals = globalThis as unknown as Globals
  const { BroadcastChannel, navigator, document, location } = globals
  const { locks } = navigator ?? {}
  const listen = (
    target: Globals | Globals['document'],
    type: string,
    on: Parameters<Listen>[1],
  ) => {
    target?.addEventListener?.(type, on)
    return () => target?.removeEventListener?.(type, on)
  }
  return {
    fetch: (input, init) =>
      fetch(input, init).catch((error: unknown) => {
        throw explained(error, input, document && location?.href)
      }),
    WebSocket: globals.WebSocket,
    // Node and Deno have these features too, but no tabs.
    tabs:
      document && locks && BroadcastChannel
        ? { locks, openChannel: (name) => new BroadcastChannel(name) }
        : undefined,
    baseUrl: document && location?.href,
    isOnline: () => navigator?.onLine !== false,
    isVisible: () => document?.visibilityState !== 'hidden',
    onWake(listener) {
      const stops = [
        listen(globals, 'online', listener),
        listen(globals, 'offline', listener),
        listen(document, 'visibilitychange', () => {
          if (document?.visibilityState === 'visible') listener()
        }),
      ]
      return () => {
        for (const stop of stops) stop()
      }
    },
    onSuspend(listener) {
      const stops = [
        listen(globals, 'pagehide', () => listener(true)),
        listen(globals, 'pageshow', ({ persisted }) => persisted && listener(false)),
      ]
      return () => {
        for (const stop of stops) stop()
      }
    },
  }
}

/**
 * A browser does not tell a page why a request to another origin failed. Often the server does not list the page.
 * @param page the URL of the page; undefined outside of web pages
 */
function explained(error: unknown, input: string, page: string | undefined): unknown {
  if (!(error instanceof TypeError) || page === undefined) return error
  const { origin } = new URL(page)
  if (new URL(input, page).origin === origin) return error
  const hint = `If the server is up, its CORS_ORIGINS does not list ${origin}.`
  return new TypeError(`${error.message}. ${hint}`, { cause: error })
}

/**
 * The server's URL without a slash at its end.
 * @param baseUrl the URL of the page; undefined outside of web pages
 * @throws TypeError if both are missing
 */
export function serverUrl(url: string | undefined, baseUrl: string | undefined): string {
  if (url === undefined && baseUrl === undefined) {
    throw new TypeError('The option url is required outside of web pages.')
  }
  const { origin, pathname } = new URL(url ?? '/', baseUrl)
  let end = pathname.length
  while (pathname[end - 1] === '/') end -= 1
  return origin + pathname.slice(0, end)
}
