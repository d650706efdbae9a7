/**
 * Workarounds for faults of the Postgres client (postgres 3.4.9) when a connection breaks. Each names its upstream
 * issue. docs/decisions/postgres-client.md says why we use this client all the same.
 */
import type { Socket } from 'node:net'
import { Duplex, type Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type postgres from 'postgres'
import { withTimeout } from '../lib/timeout.ts'
import { endsSession, isStaleSession } from './errors.ts'
import { closedEarly } from './hosts.ts'

type Sql = postgres.Sql

/** The version that a startup message asks for, after its length. */
const PROTOCOL = 196_608

/**
 * Mends a socket for the client:
 *
 * - A query that is sent between the socket's `error` and its `close` never settles, and the connection is never used
 *   again (https://github.com/porsager/postgres/pull/1215). So a connection closes here without an error. The client
 *   has rejected the queries under way by then.
 * - Bytes that were not sent when the connection closed go out before the next startup message, and Postgres hangs up
 *   (https://github.com/porsager/postgres/pull/1209). So they are dropped here. Their query was rejected.
 * - A connection that closes without an error before its session began is opened again without end, and the waiting
 *   query never hears of it (https://github.com/porsager/postgres/issues/1193). So that is an error here.
 */
export function mended<S extends Socket>(socket: S): S {
  const emit = socket.emit.bind(socket) as (event: string | symbol, ...args: unknown[]) => boolean
  const write = socket.write.bind(socket) as (chunk: Buffer, ...rest: unknown[]) => boolean
  let started = false
  let closed = false
  let inSession = false
  const begins = sessionBegin()
  return Object.assign(socket, {
    emit(event: string | symbol, ...args: unknown[]) {
      if (event === 'data' && !inSession) inSession = begins(args[0] as Buffer)
      if (event === 'close' && !closed && !inSession) emit('error', closedEarly(socket))
      if (event === 'close') closed = true
      // The client listens no more: writes that TLS had still under way end in one.
      else if (event === 'error' && closed) return false
      return event === 'close' ? emit('close', false) : emit(event, ...args)
    },
    write(chunk: Buffer, ...rest: unknown[]) {
      const message = started ? chunk : withoutPadding(startupOf(chunk))
      started = true
      return write(message, ...rest)
    },
  })
}

const READY_FOR_QUERY = 0x5a

/** Whether what has arrived so far contains the first message that Postgres sends once it takes queries. */
function sessionBegin(): (chunk: Buffer) => boolean {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 5 && rest[0] !== READY_FOR_QUERY) {
      const end = 1 + rest.readUInt32BE(1)
      if (end > rest.length) return false
      rest = rest.subarray(end)
    }
    return rest[0] === READY_FOR_QUERY
  }
}

/** The startup message at the end of what is written first, or all of it where there is none. */
function startupOf(chunk: Buffer): Buffer {
  for (let at = 1; at + 8 <= chunk.length; at++) {
    if (chunk.readUInt32BE(at) === chunk.length - at && chunk.readUInt32BE(at + 4) === PROTOCOL) {
      return chunk.subarray(at)
    }
  }
  return chunk
}

/** Stands in a startup message only between the client and `mended`. */
const PADDING_NAME = 'livebalance_padding'
const PADDING = Buffer.from(`${PADDING_NAME}\0${' '.repeat(1024)}\0`)

/**
 * Blanks in the client's startup message. When a connection closes before a deferred write, the client clears the
 * write's timer but still takes it for set (https://github.com/porsager/postgres/pull/1209). No short message is sent
 * after that, not even the next startup message, and each attempt to reconnect ends in a timeout. A message of more
 * than 1,024 bytes is sent at once and resets the timer. Poolers refuse settings that they do not know, so the blanks
 * leave the message before it is sent.
 */
export const LONG_STARTUP = { [PADDING_NAME]: ' '.repeat(1024) }

function withoutPadding(message: Buffer): Buffer {
  const at = message.indexOf(PADDING)
  if (at === -1) return message
  const sent = Buffer.concat([message.subarray(0, at), message.subarray(at + PADDING.length)])
  sent.writeUInt32BE(sent.length, 0)
  return sent
}

/**
 * The socket for the client if no server was reached: it ends with the reason. If we threw, the client would lose one
 * of its connections for good.
 */
export class FailedSocket extends Duplex {
  readonly readyState = 'closed'

  constructor(error: unknown) {
    super()
    setImmediate(() => this.destroy(error as Error))
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    // The client waits longer before each attempt, if it hears that this one ended in an error.
    return event === 'close' ? super.emit('close', true) : super.emit(event, ...args)
  }

  override _read(): void {}

  override _write(_: unknown, __: unknown, done: () => void): void {
    done()
  }
}

/**
 * Passes what `copy … to stdout` gives on. If the end arrives together with data that fills the stream, the client leaves
 * its socket paused, and the next query of the connection never gets its answer
 * (https://github.com/porsager/postgres/pull/1016). Reading from the stream is what continues it.
 */
export async function pipeCopy(
  rows: Readable,
  sink: Writable,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await pipeline(rows, sink, signal ? { signal } : {})
  } finally {
    rows._read(0)
  }
}

/**
 * `sql.begin()`, whose connection may close on the way. The client then rejects the transaction, but still writes the
 * next statement, or the rollback, to a socket that is gone, which ends the process
 * (https://github.com/porsager/postgres/issues/1208), or to a new connection, outside of any transaction
 * (https://github.com/porsager/postgres/pull/1155). So nothing of the transaction goes on after that: its next
 * statement, and a failure because of the connection, stay pending.
 */
async function begin(sql: Sql, args: Parameters<Sql['begin']>): Promise<unknown> {
  const change = args.pop() as unknown as (tx: postgres.TransactionSql) => unknown
  let closed = false
  const open = (tx: postgres.TransactionSql) =>
    new Proxy(tx, {
      apply: (_, __, query: Parameters<Sql>) => (closed ? pending() : tx(...query)),
      get: (_, name) => (closed && name === 'unsafe' ? pending : Reflect.get(tx, name)),
    })
  try {
    const whole = sql.begin as (...all: unknown[]) => Promise<unknown>
    return await whole(...args, async (tx: postgres.TransactionSql) => {
      try {
        return await change(open(tx))
      } catch (error) {
        if (endsSession(error)) return pending()
        throw error
      }
    })
  } finally {
    closed = true
  }
}

const pending = () => new Promise<never>(() => {})

/** While the cause lasts, every new session meets it again. So a pool is renewed once in this time at most. */
const SHORTEST_LIFE_MS = 1_000
/** Connections without a query have this long to close. */
const CLOSING_SECONDS = 0.5

/** The connections that were opened since the last renewal. */
interface Generation {
  readonly sql: Sql
  readonly since: number
  /** Calls under way. */
  pending: number
  /** Resolves the wait of `end()`. */
  onIdle?: () => void
  /** Handlers of every query, made once. */
  readonly fulfilled: <T>(value: T) => T
  readonly rejected: (error: unknown) => never
}

/**
 * A pool whose sessions are renewed after an error that another session might not get: a session that is read-only,
 * or has the rights and settings of the time when it was opened. Calls under way end where they began.
 */
export function renewing(open: () => Sql): Sql {
  const generations = new Set<Generation>()
  const born = (): Generation => {
    const generation: Generation = {
      sql: open(),
      since: performance.now(),
      pending: 0,
      fulfilled(value) {
        settled(generation)
        return value
      },
      rejected(error) {
        settled(generation, error)
        throw error
      },
    }
    generations.add(generation)
    return generation
  }
  let current = born()

  async function close(generation: Generation): Promise<void> {
    await generation.sql.end({ timeout: CLOSING_SECONDS })
    generations.delete(generation)
  }

  function endIfUnused(generation: Generation): void {
    if (generation.pending > 0) return
    generation.onIdle?.()
    if (generation !== current) void close(generation)
  }

  function settled(generation: Generation, error?: unknown): void {
    generation.pending -= 1
    const renew = generation === current && performance.now() - generation.since > SHORTEST_LIFE_MS
    if (renew && isStaleSession(error)) current = born()
    endIfUnused(generation)
  }

  /** A query begins when somebody waits for it. A fragment of another query never begins. */
  function watched<T>(generation: Generation, query: T): T {
    if (!(query instanceof Promise)) return query
    const then = query.then
    // biome-ignore lint/suspicious/noThenProperty: it is a promise, and this is the only way to learn its outcome
    query.then = ((...handlers: Parameters<typeof then>) => {
      generation.pending += 1
      return then.call(query, generation.fulfilled, generation.rejected).then(...handlers)
    }) as typeof then
    return query
  }

  /** A transaction begins at once. It is a native promise, whose `then` no `await` calls. */
  async function transaction(generation: Generation, args: Parameters<Sql['begin']>) {
    generation.pending += 1
    try {
      const result = await begin(generation.sql, args)
      settled(generation)
      return result
    } catch (error) {
      settled(generation, error)
      throw error
    }
  }

  /**
   * Waits for the calls under way, at most `timeout` seconds if one is given, then closes the connections. The client
   * must not do the waiting: a connection that broke under a query keeps that query, so `end()` without a timeout
   * never resolves (https://github.com/porsager/postgres/issues/1097).
   */
  async function end({ timeout }: { timeout?: number } = {}): Promise<void> {
    const idle = Promise.all(
      [...generations]
        .filter(({ pending }) => pending > 0)
        .map(
          (generation) =>
            new Promise<void>((resolve) => Object.assign(generation, { onIdle: resolve })),
        ),
    )
    if (timeout === undefined) await idle
    else await withTimeout(idle, timeout * 1_000, () => [])
    await Promise.all([...generations].map(close))
  }

  return new Proxy(current.sql, {
    apply: (_, __, args: Parameters<Sql>) => watched(current, current.sql(...args)),
    get(_, name) {
      if (name === 'end') return end
      const generation = current
      const value: unknown = Reflect.get(generation.sql, name)
      if (name !== 'unsafe' && name !== 'begin') return value
      const call = value as (...args: unknown[]) => Promise<unknown>
      return name === 'begin'
        ? (...args: Parameters<Sql['begin']>) => transaction(generation, args)
        : (...args: unknown[]) => watched(generation, call(...args))
    },
  })
}

/**
 * Lets a session have one statement at a time. Without prepared statements the client asks what the parameters of a
 * statement are before it sends them. If that question follows the statement before without a pause, PgBouncer in
 * transaction mode takes the session for idle in between, and loses the answer (1.18). A statement with parameters makes the client
 * wait; this does it for the others. `max_pipeline: 0` would do the same and break transactions.
 */
export function oneAtATime(sql: Sql): Sql {
  return new Proxy(sql, {
    apply(target, self, args: unknown[]) {
      const query = Reflect.apply(target, self, args)
      const isStatement = Array.isArray(args[0]) && 'raw' in args[0]
      if (isStatement)
        (query as { options: { onexecute?: () => boolean } }).options.onexecute = () => false
      return query
    },
  })
}
