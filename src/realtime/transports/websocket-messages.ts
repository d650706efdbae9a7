import type { Principal } from '../../auth/principal.ts'
import { parseStrictJson } from '../../lib/json.ts'
import type { Origin } from '../../rate-limit/client-address.ts'
import type { TransportParts } from '../connections/client-messages.ts'
import type { Connection } from '../connections/connections.ts'
import { paceOf, parametersOf } from '../connections/handshake.ts'
import type { TokenBucket } from '../connections/limits.ts'
import type { AskedPace } from '../stream/pace.ts'
import type { CloseReason } from '../stream/subscriber.ts'

/** The path of the raw WebSocket. */
export const WEB_SOCKET_PATH = '/balance'

/** 1012 and 1013 ask the client to come back. 4xxx are our own. */
const CLOSE_CODES: Partial<Record<CloseReason['code'], number>> = {
  shutting_down: 1012,
  slow_consumer: 1013,
  message_too_large: 1009,
  unavailable: 1013,
  rate_limited: 1008,
  token_expired: 4401,
  token_revoked: 4401,
  forbidden: 4403,
  tenant_suspended: 4403,
}

export function closeCode({ code }: CloseReason): number {
  return CLOSE_CODES[code] ?? 1011
}

/** An admitted client that asks for a raw WebSocket. */
export interface WebSocketOpening {
  principal: Principal
  lastEventId: string | null
  currency: string | undefined
  pace: AskedPace | undefined
}

export interface UpgradeHeaders {
  origin?: string | undefined
  host?: string | undefined
  authorization?: string | undefined
}

/**
 * Admits a client that asks for a raw WebSocket. Afterwards open it, or release its principal.
 * @throws ApiError
 */
export async function admitWebSocket(
  parts: Pick<TransportParts, 'admission' | 'refusedOrigin'>,
  query: URLSearchParams,
  { origin, host, authorization }: UpgradeHeaders,
  from: Origin | undefined,
): Promise<WebSocketOpening> {
  const refused = parts.refusedOrigin(origin, host)
  if (refused) throw refused
  const asked = parametersOf((name) => query.get(name))
  const presented = { query: query.get('token'), authorization }
  const principal = await parts.admission.admit(presented, asked, from)
  return {
    principal,
    lastEventId: query.get('lastEventId'),
    currency: asked.currency ?? undefined,
    pace: paceOf(asked),
  }
}

/**
 * Counts and answers one message of a client.
 * @param text undefined if the message is binary
 */
export function receive(
  { connections, requests }: Pick<TransportParts, 'connections' | 'requests'>,
  connection: Connection,
  bucket: TokenBucket,
  text: string | undefined,
): void {
  if (!connections.countMessage(connection, bucket)) return
  const message = text === undefined ? undefined : parse(text)
  void requests
    .answer(connection, message?.event, message)
    .then((frame) => connections.reply(connection, frame))
}

function parse(text: string): { event?: unknown } | undefined {
  try {
    const message = parseStrictJson(text)
    return typeof message === 'object' && message !== null ? message : undefined
  } catch {
    return undefined
  }
}
