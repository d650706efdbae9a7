import type { Balance } from './balance.ts'

/** The part of Deno's `WebSocket` that is used. */
interface DenoSocket {
  binaryType: string
  readonly bufferedAmount: number
  onopen: (() => void) | null
  onmessage: ((event: { data: string | ArrayBuffer }) => void) | null
  onclose: (() => void) | null
  onerror: (() => void) | null
  send(text: string): void
  close(code?: number, reason?: string): void
}

interface DenoGlobal {
  upgradeWebSocket(
    request: Request,
    options: { idleTimeout: number },
  ): { socket: DenoSocket; response: Response }
}

/** Seconds without a sign of life after which Deno pings, and then closes. */
const IDLE_SECONDS = 30

/**
 * Deno resets a connection on which a message arrives after its own close frame, and a reset can overtake that frame.
 * A client that sent too many messages has more of them under way.
 */
const TOO_MANY_MESSAGES = 1008
const UNDER_WAY_MS = 250

/** A handler for `Deno.serve`. */
export function denoHandler(balance: Balance) {
  const { Deno } = globalThis as unknown as { Deno: DenoGlobal }
  return async (
    request: Request,
    info: { remoteAddr: { hostname?: string } | object },
  ): Promise<Response> => {
    const { hostname: address } = info.remoteAddr as { hostname?: string }
    const answer = await balance.handle(request, {
      address,
      upgrade(connection) {
        const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: IDLE_SECONDS })
        socket.binaryType = 'arraybuffer'
        socket.onopen = () =>
          connection.opened({
            send: (text) => socket.send(text),
            queuedBytes: () => socket.bufferedAmount,
            close: (code, reason) => {
              const close = () => socket.close(code, reason)
              if (code === TOO_MANY_MESSAGES) setTimeout(close, UNDER_WAY_MS)
              else close()
            },
            terminate: () => socket.close(),
          })
        socket.onmessage = ({ data }) => connection.received(data)
        socket.onclose = () => connection.closed()
        socket.onerror = () => {}
        return response
      },
    })
    return answer as Response
  }
}
