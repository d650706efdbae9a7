import type { Channel, TabTools } from './runtime.ts'

export interface TabsOptions {
  tools: TabTools
  /** The same in all tabs that share, and in no other. */
  name: string
  isVisible(): boolean
  /** This tab is the one that connects, from now on. */
  lead(): void
  /** It no longer is. */
  follow(): void
  /** It resigned, and there is no leader whom it could listen to. */
  abandoned(): void
  /** What the leader sent. */
  receive(message: unknown): void
  /** Another tab asks the leader where things stand: answer by `send`. `urgently`: and whether that is still so. */
  asked(urgently: boolean): void
}

/** Questions to the leader; everything else on the channel comes from it. */
const HELLO = 'hello'
const WAKE = 'wake'

/** Milliseconds that a leader has to answer: one that a browser froze must not keep the others waiting. */
const ANSWER_TIMEOUT = 3_000

/** Milliseconds between a visible follower's questions. */
const ASK_EVERY = 10_000

/**
 * The tabs of one user: whoever holds a Web Lock leads, and tells the others over a BroadcastChannel. A
 * tab that closes or crashes loses its lock, and the next one leads.
 */
export class Tabs {
  readonly #options: TabsOptions
  readonly #channel: Channel
  readonly #timer: ReturnType<typeof setInterval>
  #leading = false
  #resigned = false
  #left = false
  #release: (() => void) | undefined
  #waiting: AbortController | undefined
  #overdue: ReturnType<typeof setTimeout> | undefined

  constructor(options: TabsOptions) {
    this.#options = options
    this.#channel = options.tools.openChannel(options.name)
    this.#channel.onmessage = ({ data }: { data: unknown }) => this.#receive(data)
    this.#timer = setInterval(() => {
      if (options.isVisible()) this.ask()
    }, ASK_EVERY)
    this.#queue()
    this.ask()
  }

  get leading(): boolean {
    return this.#leading
  }

  /** To the other tabs. Only the leader does. */
  send(message: object): void {
    if (!this.#left) this.#channel.postMessage(message)
  }

  /** Asks the leader for its state; takes its place when it does not answer, unless this tab resigned. */
  ask(urgently = false): void {
    if (this.#leading || this.#left) return
    this.#channel.postMessage(urgently ? WAKE : HELLO)
    this.#overdue ??= setTimeout(() => {
      this.#answered()
      if (this.#resigned) this.#options.abandoned()
      else this.#queue(true)
    }, ANSWER_TIMEOUT)
  }

  /** Lets other tabs lead, from now on, and listens to them. */
  resign(): void {
    this.#resigned = true
    this.#leading = false
    this.#waiting?.abort()
    this.#release?.()
  }

  leave(): void {
    this.#left = true
    clearInterval(this.#timer)
    this.#answered()
    this.resign()
    this.#channel.close()
  }

  #receive(message: unknown): void {
    if (message === HELLO || message === WAKE) {
      if (this.#leading) this.#options.asked(message === WAKE)
      return
    }
    this.#answered()
    if (!this.#leading) this.#options.receive(message)
  }

  #answered(): void {
    clearTimeout(this.#overdue)
    this.#overdue = undefined
  }

  /** Waits for the lock, or takes it away from a leader that does not answer. */
  #queue(steal = false): void {
    this.#answered()
    this.#waiting?.abort()
    const waiting = new AbortController()
    this.#waiting = waiting
    const { tools, name } = this.#options
    const held = () =>
      new Promise<void>((resolve) => {
        if (waiting.signal.aborted) return resolve()
        this.#release = resolve
        this.#leading = true
        this.#answered()
        this.#options.lead()
      })
    tools.locks.request(name, steal ? { steal } : { signal: waiting.signal }, held).catch(() => {
      if (waiting.signal.aborted || this.#left) return
      // Another tab took it.
      this.#leading = false
      this.#options.follow()
      this.#queue()
    })
  }
}
