import type { EventFrame } from './frame.ts'

/** Follows an event from the request that caused it to the connections. */
export interface DeliveryTracer {
  /** An event with a `traceparent` is handed to so many connections; the answer is called when it was. */
  delivering(event: EventFrame, connections: number): () => void
}
