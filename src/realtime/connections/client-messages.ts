import type { Logger } from 'pino'
import { ApiError } from '../../lib/api-error.ts'
import { Frame } from '../stream/frame.ts'
import type { Hub } from '../stream/hub.ts'
import type { CloseReason } from '../stream/subscriber.ts'
import type { Connection } from './connection.ts'
import type { Connections } from './connections.ts'
import type { Credentials } from './credentials.ts'
import type { Admission } from './handshake.ts'
import { authenticatedNotice, errorNotice } from './notices.ts'

/** What a transport needs: to let somebody in, to keep their connection, and to answer their messages. */
export interface TransportParts {
  admission: Admission
  connections: Connections
  requests: Requests
  originAllowed(origin: string | undefined, host: string | undefined): boolean
}

/** Wrong tokens that a connection may send to live on with; the next one ends it. */
const WRONG_TOKENS = 5

const TOO_MANY_TOKENS: CloseReason = {
  code: 'rate_limited',
  message: 'Too many tokens that are not valid.',
  final: true,
}

export interface RequestsOptions {
  hub: Hub
  credentials: Credentials
  connections: Pick<Connections, 'end'>
  logger: Logger
}

/** Answers what clients ask over their connections. */
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
   * Answers the frame to send: an `error` event where the request is none, or cannot be fulfilled. Not
   * before the connection was told its state.
   * @param argument whatever the client sent along
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
        return errorNotice('invalid_request', 'There is no such event; try get_current_balance.')
    }
  }

  async #currentBalance({ principal, subscriber }: Connection): Promise<Frame> {
    try {
      return await this.#hub.currentBalance(principal, subscriber.currency)
    } catch (error) {
      this.#logger.warn({ err: error }, 'a balance could not be read')
      return errorNotice('unavailable', 'The balance cannot be read right now.')
    }
  }

  /** Lets a connection live on with a fresh token of the same user. */
  async #authenticate(connection: Connection, token: unknown): Promise<Frame> {
    try {
      const principal = await this.#credentials.identify({ token })
      const { tenant, userId } = connection.principal
      if (principal.tenant !== tenant || principal.userId !== userId) {
        return errorNotice('forbidden', 'The token belongs to another user.')
      }
      connection.principal = principal
      connection.warned = false
      return authenticatedNotice(principal.expiresAt)
    } catch (error) {
      if (error instanceof ApiError) {
        if (error.status === 401) this.#countWrong(connection)
        return errorNotice(error.code, error.message, error.details)
      }
      this.#logger.error({ err: error }, 'a token could not be checked')
      return errorNotice('internal', 'The token could not be checked.')
    }
  }

  #countWrong(connection: Connection): void {
    connection.wrongTokens += 1
    if (connection.wrongTokens > WRONG_TOKENS) this.#connections.end(connection, TOO_MANY_TOKENS)
  }
}

/** `authenticate` takes the token, or an object that holds it. */
function tokenIn(argument: unknown): unknown {
  if (typeof argument === 'object' && argument !== null && 'token' in argument) {
    return argument.token
  }
  return argument
}
