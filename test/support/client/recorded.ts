import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import {
  type BalanceClient,
  type BalanceClientOptions,
  type BalanceEvent,
  createBalanceClient,
  type Transport,
  type WebSocketConstructor,
} from '../../../src/client/index.ts'

export const TRANSPORTS: readonly Transport[] = ['websocket', 'socketio', 'sse']

/** Node 20 has no WebSocket. */
export const NodeWebSocket = WebSocket as unknown as WebSocketConstructor

/** A client and all ledger events that it delivered. */
export interface Recorded extends BalanceClient {
  events: BalanceEvent[]
  seqs(): number[]
}

/** Opens a client with quick retries. It closes at the end of the test. */
export function record(options: BalanceClientOptions): Recorded {
  const client = createBalanceClient({
    WebSocket: NodeWebSocket,
    retry: { minDelay: 20, maxDelay: 100 },
    ...options,
  })
  onTestFinished(() => client.close())
  const events: BalanceEvent[] = []
  client.on('*', (event) => events.push(event))
  return { ...client, events, seqs: () => events.map(({ seq }) => seq) }
}
