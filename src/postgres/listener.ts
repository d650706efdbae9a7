import { parseConnectionString } from '../config/connection-string.ts'
import type { Logger } from '../lib/log.ts'
import type { ShutdownStack } from '../lib/shutdown-stack.ts'
import { type ConnectOptions, connect, type Sql } from './database.ts'

const RETRY_MS = 1_000

/**
 * Listens to a channel of Postgres, over a connection of its own. A notification may be lost while there is no
 * connection, so nothing may depend on one: it only makes something happen sooner.
 */
export class Listener {
  readonly #sql: Sql
  readonly #channel: string
  readonly #notified: () => void
  readonly #log: Logger
  #closed = false
  #timer: NodeJS.Timeout | undefined

  /** @param notified also called whenever listening begins, because earlier notifications may be lost */
  constructor(
    url: string,
    channel: string,
    notified: () => void,
    { log, ...options }: ConnectOptions & { log: Logger },
  ) {
    this.#channel = channel
    this.#notified = notified
    this.#log = log
    this.#sql = connect(url, {
      ...options,
      max: 1,
      onNotification: notified,
      onClose: () => this.#retry(),
    })
    void this.#listen()
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#sql.end({ timeout: 0.5 })
  }

  async #listen(): Promise<void> {
    try {
      await this.#sql.unsafe(`listen ${this.#channel}`)
      this.#notified()
    } catch (error) {
      this.#log.debug({ err: error }, `cannot listen to ${this.#channel}`)
      this.#retry()
    }
  }

  #retry(): void {
    if (this.#closed) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#listen(), RETRY_MS)
    this.#timer.unref()
  }
}

/** Tells of commits of applications that call the ledger by SQL. */
export const OUTBOX_CHANNEL = 'livebalance_outbox'

/** Calls back at each notification on a channel. A pooler that shares sessions passes none on. */
export function listenUnlessPooled(
  url: string,
  channel: string,
  notified: () => void,
  options: { role: string | undefined; log: Logger },
  releases: ShutdownStack,
): void {
  if (parseConnectionString(url).pooled) return
  const listener = new Listener(url, channel, notified, options)
  releases.add(() => listener.close())
}
