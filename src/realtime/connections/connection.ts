import type { Principal } from '../../auth/principal.ts'
import type { Sink, Subscriber } from '../stream/subscriber.ts'

/** A transport's end of a connection. */
export interface TransportSink extends Sink {
  /** Called every 15 s: shows proxies and clients that the connection lives, where the protocol itself does not. */
  beat(): void
}

export type TransportName = 'socket.io' | 'sse' | 'websocket'

/** One client's connection, on any transport. */
export class Connection {
  /** Replaced when the client sends a fresh token. */
  principal: Principal
  readonly transport: TransportName
  /** The second, counted round and round, at which its heartbeat is due. */
  readonly slot: number
  readonly sink: TransportSink
  readonly subscriber: Subscriber
  /** Whether the client was told that its token is about to expire. */
  warned = false
  /** Tokens that it sent to live on with, and that were none. */
  wrongTokens = 0

  constructor(
    principal: Principal,
    transport: TransportName,
    slot: number,
    sink: TransportSink,
    subscriber: Subscriber,
  ) {
    this.principal = principal
    this.transport = transport
    this.slot = slot
    this.sink = sink
    this.subscriber = subscriber
  }
}
