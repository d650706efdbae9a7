import { readFileSync } from 'node:fs'
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import { ApiError } from '../lib/api-error.ts'

/** What the process needs beside these clients: Node, 14 connections to Postgres, Redis, files, and those it tells. */
const OWN_FILES = 56
/** Connections beyond the cap that are told so. Further ones are closed when they are accepted. */
const TOLD = 8
/** A connection beyond the cap must send its request within this time. */
const TOLD_WITHIN_MS = 2_000
/** With fewer clients than this, an operator should know. */
const MANY = 1_000

/** How many files and connections this process may have open (`ulimit -n`). Undefined where it is not known. */
export function openFilesLimit(): number | undefined {
  try {
    // Node raises the soft limit to the hard one when it starts.
    const found = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
    return found ? Number(found[1]) : undefined
  } catch {
    // Not Linux.
    return undefined
  }
}

/**
 * Keeps so many files free that the process can always reach Postgres and Redis. A process that runs out of them
 * accepts no client, and cannot renew a broken connection either.
 */
export class ConnectionCap {
  readonly #clients: number
  #open = 0
  readonly #beyond = new WeakSet<Duplex>()

  /** @param limit default: no cap */
  constructor(limit: number | undefined, log: Pick<Logger, 'warn'>) {
    this.#clients = limit === undefined ? Number.POSITIVE_INFINITY : Math.max(8, limit - OWN_FILES)
    if (this.#clients >= MANY) return
    log.warn(
      { openFiles: limit },
      `ulimit -n is low: only ${this.#clients} clients can be connected, and more get 503`,
    )
  }

  /** Counts the connections of a server from now on. */
  watch(http: Server): void {
    if (!Number.isFinite(this.#clients)) return
    http.on('connection', (socket: Socket) => {
      // Not by the server's own maximum: where several processes have the port, Node would offer the connection to each
      // of them again and again.
      if (this.#open >= this.#clients + TOLD) return socket.destroy()
      this.#open += 1
      socket.once('close', () => {
        this.#open -= 1
      })
      if (this.#open <= this.#clients) return
      this.#beyond.add(socket)
      const timer = setTimeout(() => socket.destroy(), TOLD_WITHIN_MS)
      socket.once('close', () => clearTimeout(timer))
    })
  }

  /** The error for a request on a connection beyond the cap. Probes are answered, or a full process would be killed. */
  refusal({ socket, url }: IncomingMessage): ApiError | undefined {
    if (!this.#beyond.has(socket) || url?.startsWith('/health/')) return undefined
    return new ApiError(503, 'unavailable', 'The server has no connection to spare.', {
      retryAfter: 1,
    })
  }

  /** Whether the connection must end with this answer. */
  endsWith({ socket }: IncomingMessage): boolean {
    return this.#beyond.has(socket)
  }
}
