/** The part of a browser's `WebSocket` that is used; the package `ws` has it too. */
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

/** What lets the tabs of one browser share a connection. */
export interface TabTools {
  locks: Locks
  openChannel(name: string): Channel
}

/** Where the client runs: all that it takes from outside, and what may be missing there. */
export interface Runtime {
  fetch: Fetch
  WebSocket: WebSocketConstructor | undefined
  tabs: TabTools | undefined
  /** The page's own address; undefined outside of pages. */
  baseUrl: string | undefined
  /** False only when the browser is sure that there is no network. */
  isOnline(): boolean
  isVisible(): boolean
  /** Calls back when the network came back or the page is looked at again. Returns the way to stop it. */
  onAwake(listener: () => void): () => void
  /** Calls back when the page is put away (true), or taken out again (false). Returns the way to stop it. */
  onPutAway(listener: (away: boolean) => void): () => void
}

type Listen = (type: string, listener: (event: { persisted?: boolean }) => void) => void

/** The globals that only some runtimes have. */
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
    fetch: (input, init) => fetch(input, init),
    WebSocket: globals.WebSocket,
    // Outside of pages there are no tabs, even where a runtime has the tools.
    tabs:
      document && locks && BroadcastChannel
        ? { locks, openChannel: (name) => new BroadcastChannel(name) }
        : undefined,
    baseUrl: document && location?.href,
    isOnline: () => navigator?.onLine !== false,
    isVisible: () => document?.visibilityState !== 'hidden',
    onAwake(listener) {
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
    onPutAway(listener) {
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
