import type { TransportParts } from '../connections/client-messages.ts'
import type { Opening, TransportSink } from '../connections/connections.ts'
import { MAX_MESSAGE_BYTES } from '../connections/limits.ts'
import type { Frame } from '../stream/frame.ts'
import type { CloseReason } from '../stream/subscriber.ts'

/** A browser waits 2 s before it connects again. */
export const RETRY = 'retry: 2000\n\n'
export const BEAT = ': beat\n\n'

/** Streams through a web stream, on runtimes other than Node. The runtime reads it as fast as the client does. */
export function streamed(
  request: Request,
  headers: Record<string, string>,
  { admission, connections }: Pick<TransportParts, 'admission' | 'connections'>,
  opening: Opening,
): Response {
  // Hono answers HEAD as GET and drops the body, which nobody would read.
  if (request.method === 'HEAD') {
    admission.release(opening.principal)
    return new Response(null, { headers })
  }
  let ended = () => {}
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const sink = new WebStreamSink(controller, () => ended())
        const connection = connections.open(sink, opening)
        ended = () => {
          sink.end()
          connections.closed(connection)
        }
      },
      // The client left. The request's signal would say it too, but Deno warns about programs that ask it.
      cancel: () => ended(),
    },
    // Without a buffer of its own, the negative `desiredSize` is the length of the queue.
    new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
  )
  return new Response(body, { headers })
}

class WebStreamSink implements TransportSink {
  readonly #controller: ReadableStreamDefaultController<Uint8Array>
  readonly #closed: () => void
  #open = true

  /** @param closed called when the server closes the stream */
  constructor(controller: ReadableStreamDefaultController<Uint8Array>, closed: () => void) {
    this.#controller = controller
    this.#closed = closed
    this.#send(Buffer.from(RETRY))
  }

  write(frame: Frame): void {
    this.#send(frame.sseBytes)
  }

  beat(): void {
    this.#send(Buffer.from(BEAT))
  }

  queuedBytes(): number {
    return this.#open ? -(this.#controller.desiredSize ?? 0) : 0
  }

  close({ code }: CloseReason): void {
    if (!this.#open) return
    const queued = this.queuedBytes()
    this.#open = false
    // A long queue is dropped, because the client does not read.
    if (queued > MAX_MESSAGE_BYTES) this.#controller.error(new Error(code))
    else this.#controller.close()
    this.#closed()
  }

  /** The client left. */
  end(): void {
    this.#open = false
  }

  #send(bytes: Uint8Array): void {
    if (this.#open) this.#controller.enqueue(bytes)
  }
}
