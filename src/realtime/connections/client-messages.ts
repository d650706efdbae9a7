import type { Logger } from 'pino'
import { toIso } from '../../ledger/rows.ts'
import { ApiError } from '../../lib/api-error.ts'
import { errorFrame, Frame } from '../stream/frame.ts'
import type { Hub } from '../stream/hub.ts'
import type { CloseReason } from '../stream/subscriber.ts'
import type { Connection, Connections } from './connections.ts'
import type { Admission, Credentials } from './handshake.ts'

/** What every transport needs: to admit clients, to keep their connections and to answer their messages. */
export interface TransportParts {
  admission: Admission
  connections: Connections
  requests: Requests
  /** Whether a page of this origin may connect. Programs other than browsers send no origin. */
  originAllowed(origin: string | undefined, host: string | undefined): boolean
  /** @returns the refusal of a page that may not connect, which is counted */
  refusedOrigin(origin: string | undefined, host: string | undefined): ApiError | undefined
}

/** Invalid tokens that a connection may send to renew its own. The next one closes it. */
const MAX_WRONG_TOKENS = 5

const TOO_MANY_TOKENS: CloseReason = {
  code: 'rate_limited',
  message: 'Too many invalid tokens.',
  final: true,
}

export interface RequestsOptions {
  hub: Hub
  credentials: Credentials
  connections: Pick<Connections, 'end'>
  logger: Logger
}

/** Answers the messages that clients send over their connections. */
export class Requests {
  readonly #hub: Hub
  readonly #credentials: Credentials
  readonly #connections: Pick<Connections, 'end'>
  readonly #logger: Logger

  constructor({ hub, credentials, connections, logger }: RequestsOptions) {
    this.#hub = hub
    this.#credentials = credentials
    this.#connections = connections
    this.#logger = logger
  }

  /**
   * Returns the frame to send: an `error` event if the message is invalid or cannot be answered. Waits
   * until the connection has its first state.
   * @param argument anything that the client sent with the event
   */
  async answer(connection: Connection, event: unknown, argument: unknown): Promise<Frame> {
    await connection.subscriber.begun()
    switch (event) {
      case 'subscribe_balance':
        // Every connection is subscribed from the start.
        return new Frame('balance_subscribed', { currency: connection.subscriber.currency })
      case 'get_current_balance':
        return await this.#currentBalance(connection)
      case 'authenticate':
        return await this.#authenticate(connection, tokenIn(argument))
      default:
        return errorFrame('invalid_request', 'Unknown event; try get_current_balance.')
    }
  }

  async #currentBalance({ principal, subscriber }: Connection): Promise<Frame> {
    try {
      return await this.#hub.currentBalance(principal, subscriber.currency)
    } catch (error) {
      this.#logger.warn({ err: error }, 'a balance could not be read')
      return errorFrame('unavailable', 'The balance cannot be read right now.')
    }
  }

  /** Keeps a connection open with a fresh token of the same user. */
  async #authenticate(connection: Connection, token: unknown): Promise<Frame> {
    try {
      const principal = await this.#credentials.identify({ token })
      const { tenant, userId } = connection.principal
      if (principal.tenant !== tenant || principal.userId !== userId) {
        return errorFrame('forbidden', 'The token belongs to another user.')
      }
      connection.principal = principal
      connection.warned = false
      const expiresAt = toIso(new Date(principal.expiresAt * 1000).toISOString())
      return new Frame('authenticated', { expiresAt })
    } catch (error) {
      if (error instanceof ApiError) {
        if (error.status === 401) this.#countWrongToken(connection)
        return errorFrame(error.code, error.message, error.details)
      }
      this.#logger.error({ err: error }, 'a token could not be checked')
      return errorFrame('internal', 'The token could not be checked.')
    }
  }

  #countWrongToken(connection: Connection): void {
    connection.wrongTokens += 1
    if (connection.wrongTokens > MAX_WRONG_TOKENS) {
      this.#connections.end(connection, TOO_MANY_TOKENS)
    }
  }
}

/** `authenticate` takes the token, or an object that holds it. */
function tokenIn(argument: unknown): unknown {
  if (typeof argument === 'object' && argument !== null && 'token' in argument) {
    return argument.token
  }
  return argument
}
