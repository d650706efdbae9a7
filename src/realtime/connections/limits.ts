/** Bytes of the largest message that a client may send, on every transport. */
export const MAX_MESSAGE = 16 * 1024

/** Milliseconds that a client has to say who it is, and we to find out. */
export const HANDSHAKE_TIMEOUT = 10_000

/** Milliseconds that a client has to finish a message that it began over WebSocket. */
export const UNFINISHED_WITHIN = 10_000

/** Messages that a client may send each second, and save up. */
export const MESSAGES_PER_SECOND = 20

/** Milliseconds that a connection has to take what it was sent last, once it is being ended. */
export const CLOSE_WITHIN = 5_000
