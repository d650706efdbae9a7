import type { BalanceStore } from './balance-store.ts'
import type { BalanceError } from './events.ts'
import type { Link, LinkEnd, OpenLink } from './link.ts'
import type { Retry } from './retry.ts'
import type { Transport } from './snapshot.ts'
import { openSocketIo } from './socketio-link.ts'
import { openEventStream } from './sse-link.ts'
import type { Surroundings } from './surroundings.ts'
import type { TokenSource } from './token-source.ts'
import { openWebSocket } from './websocket-link.ts'

export interface ConnectorOptions {
  /** Without a slash at its end. */
  url: string
  tokens: TokenSource
  transport: Transport | 'auto'
  currency: string | undefined
  /** Milliseconds. */
  connectTimeout: number
  store: BalanceStore
  retry: Retry
  surroundings: Surroundings
  /** Each message of the server. */
  message(event: string, data: Record<string, unknown>): void
  /** The connection's state changed: the store has it. */
  changed(): void
  /** The server does not want this client; the connector has stopped. */
  refused(): void
}

const OPEN: Record<Transport, OpenLink> = {
  websocket: openWebSocket,
  socketio: openSocketIo,
  sse: openEventStream,
}

/** Milliseconds of silence after which a connection is asked whether it lives: SSE beats every 15 s. */
const QUIET = 25_000

/** Milliseconds that it has to answer. */
const ANSWER_TIMEOUT = 10_000

/** Milliseconds for which `auto` stays with SSE once it had to fall back. */
const BLOCKED_FOR = 300_000

/** Milliseconds after which a connection has proved itself, so that the next retry is quick again. */
const PROVEN_AFTER = 5_000

/** Tokens in a row that the server may refuse before the client gives up. */
const MOST_REFUSALS = 3

/** Milliseconds that it has when there is reason to doubt it. */
const DOUBT_TIMEOUT = 5_000

/** Milliseconds between the beats of SSE, and a little more. */
const SSE_BEAT = 18_000

const TOKEN_CODES = new Set(['unauthorized', 'token_expired', 'token_revoked'])

/** To try again as before would not help. */
const FINAL_CODES = new Set(['forbidden', 'invalid_request', 'transport_unavailable'])

/** Ended by the client itself, to connect again at once. */
const RENEWED: LinkEnd = { code: 'renewed', message: '' }

/** Keeps one connection alive: opens, resumes, renews its token, falls back, and tries again. */
export class Connector {
  readonly #options: ConnectorOptions
  /** Counts starts, so that a run knows whether it is still the one. */
  #run = 0
  #running = false
  #finish: ((end: LinkEnd) => void) | undefined
  #doubt: (() => void) | undefined
  /** Somebody wanted it to try at once while it was trying: should that fail, it does. */
  #again = false
  /** Until when `auto` does without WebSockets: for ever, until SSE has shown that the server is there. */
  #blockedUntil = 0

  constructor(options: ConnectorOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#run += 1
    void this.#keepAlive(this.#run)
  }

  stop(): void {
    this.#running = false
    this.#run += 1
    this.#options.retry.wake()
    this.#finish?.(RENEWED)
  }

  /** The network or the user is back: tries at once, or looks whether the connection still lives. */
  wake(): void {
    this.#options.retry.reset()
    this.#options.retry.wake()
    this.#doubt?.()
  }

  async #keepAlive(run: number): Promise<void> {
    const { retry, tokens } = this.#options
    let refusals = 0
    while (run === this.#run) {
      const transport = this.#pick()
      this.#report(transport)
      const token = await tokens.get().catch((error) => this.#unavailable(error))
      if (run !== this.#run) return
      if (token === undefined) {
        await retry.wait()
        continue
      }
      const { end, lived, token: last } = await this.#connection(transport, token)
      if (run !== this.#run) return
      if (lived > 0) refusals = 0
      if (lived > PROVEN_AFTER) retry.reset()
      if (end === RENEWED) continue
      if (FINAL_CODES.has(end.code) && !this.#mayFallBack(transport, end)) return this.#refuse(end)
      if (TOKEN_CODES.has(end.code)) {
        refusals += 1
        const other = await tokens.replace(last).catch((error) => void this.#unavailable(error))
        if (run !== this.#run) return
        if (other === false || refusals > MOST_REFUSALS) return this.#refuse(end)
        if (other && refusals === 1) continue
      } else if (this.#mayFallBack(transport, end) && lived === 0) {
        this.#blockedUntil = Number.POSITIVE_INFINITY
        continue
      } else if (lived === 0) {
        this.#blockedUntil = 0
      }
      this.#report(transport, end)
      if (!this.#again) await retry.wait(end.retryAfter)
      this.#again = false
    }
  }

  /** Resolves when the connection is over; `lived` is for how many milliseconds it was live. */
  #connection(
    transport: Transport,
    token: string,
  ): Promise<{ end: LinkEnd; lived: number; token: string }> {
    const { url, currency, connectTimeout, store, surroundings, tokens, message } = this.#options
    return new Promise((resolve) => {
      let link: Link | undefined
      let timer: ReturnType<typeof setTimeout> | undefined
      let renewal: ReturnType<typeof setTimeout> | undefined
      let liveSince = 0
      let heardAt = Date.now()
      let over = false
      let complaint: LinkEnd | undefined

      const finish = (end: LinkEnd) => {
        if (over) return
        over = true
        this.#finish = undefined
        this.#doubt = undefined
        clearTimeout(timer)
        clearTimeout(renewal)
        link?.close()
        const lived = liveSince > 0 ? Math.max(1, Date.now() - liveSince) : 0
        resolve({ end: end.code === 'unreachable' ? (complaint ?? end) : end, lived, token })
      }
      const within = (milliseconds: number, otherwise: () => void) => {
        clearTimeout(timer)
        timer = setTimeout(otherwise, milliseconds)
      }
      const giveUp = () => {
        const blocked = liveSince === 0
        finish({ code: 'timeout', message: 'the server stays silent', blocked })
      }
      const heard = () => {
        heardAt = Date.now()
        if (liveSince === 0) return
        within(QUIET, () => {
          link?.probe()
          within(ANSWER_TIMEOUT, giveUp)
        })
      }
      const renew = async () => {
        if (!(await tokens.replace(token)) || over) return
        token = await tokens.get()
        if (!over && !link?.authenticate(token)) finish(RENEWED)
      }

      this.#finish = finish
      this.#doubt = () => {
        if (liveSince === 0) {
          this.#again = true
          return
        }
        const silence = Date.now() - heardAt
        within(link?.probe() ? DOUBT_TIMEOUT : Math.max(0, SSE_BEAT - silence), giveUp)
      }
      within(connectTimeout, giveUp)
      const { fetch, WebSocket } = surroundings
      const { lastEventId } = store
      link = OPEN[transport](
        { url, token, currency, lastEventId, fetch, WebSocket },
        {
          message: (event, data) => {
            complaint = event === 'error' ? (data as unknown as LinkEnd) : undefined
            if (event === 'balance_initial' && liveSince === 0) {
              liveSince = Date.now()
              this.#live(transport)
            }
            heard()
            if (event === 'token_expiring') {
              // At random within a third of what is left: not all clients in the same second.
              const left = Date.parse(String(data.expiresAt)) - Date.now()
              renewal = setTimeout(
                () => {
                  // Failing that, it is asked for again once the token is over.
                  renew().catch((error) => this.#unavailable(error))
                },
                (Math.random() * left) / 3,
              )
            }
            message(event, data)
          },
          beat: heard,
          ended: finish,
        },
      )
      if (over) link.close()
    })
  }

  #pick(): Transport {
    const { transport, surroundings } = this.#options
    if (transport !== 'auto') return transport
    return surroundings.WebSocket && Date.now() >= this.#blockedUntil ? 'websocket' : 'sse'
  }

  #mayFallBack(transport: Transport, end: LinkEnd): boolean {
    return this.#options.transport === 'auto' && transport === 'websocket' && end.blocked === true
  }

  #live(transport: Transport): void {
    const { store, changed } = this.#options
    this.#again = false
    if (this.#blockedUntil === Number.POSITIVE_INFINITY) {
      this.#blockedUntil = Date.now() + BLOCKED_FOR
    }
    const fallback = this.#options.transport === 'auto' && transport === 'sse'
    store.setStatus({ state: 'live', transport, fallback }, { error: null })
    changed()
  }

  #report(transport: Transport, error?: BalanceError): void {
    const { store, surroundings, changed } = this.#options
    const again = store.lastEventId === undefined ? 'connecting' : 'reconnecting'
    const state = error && !surroundings.isOnline() ? 'offline' : again
    store.setStatus({ state, transport }, error && { error: plain(error) })
    changed()
  }

  #unavailable(error: unknown): undefined {
    const message = error instanceof Error ? error.message : String(error)
    this.#options.store.setStatus({}, { error: { code: 'token_unavailable', message } })
    this.#options.changed()
  }

  #refuse(end: LinkEnd): void {
    this.#running = false
    this.#options.store.setStatus({ state: 'refused' }, { error: plain(end) })
    this.#options.refused()
  }
}

function plain({ code, message }: BalanceError): BalanceError {
  return { code, message }
}
