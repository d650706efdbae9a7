import type { Channel, TabTools } from './runtime.ts'

export interface TabGroupOptions {
  tools: TabTools
  /** The same in all tabs that share a connection, and in no other tab. */
  name: string
  isVisible(): boolean
  /** From now on this tab holds the connection. */
  lead(): void
  /** Another tab holds the connection now. */
  follow(): void
  /** This tab resigned, and there is no leader to follow. */
  abandoned(): void
  /** Receives a message of the leader. */
  receive(message: unknown): void
  /** Another tab asks this leader for its state: answer with `send`. `urgently`: check the connection too. */
  asked(urgently: boolean): void
}

/** Questions to the leader. Every other message on the channel comes from the leader. */
const HELLO = 'hello'
const WAKE = 'wake'

/** The time within which a leader must answer. A tab that the browser froze does not answer. */
const ANSWER_TIMEOUT_MS = 3_000

/** The time between the questions of a visible follower. */
const ASK_INTERVAL_MS = 10_000

/**
 * Elects a leader among the tabs of one user. The tab that holds the Web Lock leads, and sends its state to the
 * others over a BroadcastChannel. A tab that closes or crashes loses the lock, and the next tab leads.
 */
export class TabGroup {
  readonly #options: TabGroupOptions
  readonly #channel: Channel
  readonly #timer: ReturnType<typeof setInterval>
  #leading = false
  #resigned = false
  #left = false
  #release: (() => void) | undefined
  #waiting: AbortController | undefined
  #answerTimer: ReturnType<typeof setTimeout> | undefined

  constructor(options: TabGroupOptions) {
    this.#options = options
    this.#channel = options.tools.openChannel(options.name)
    this.#channel.onmessage = ({ data }: { data: unknown }) => this.#receive(data)
    this.#timer = setInterval(() => {
      if (options.isVisible()) this.ask()
    }, ASK_INTERVAL_MS)
    this.#queue()
    this.ask()
  }

  get leading(): boolean {
    return this.#leading
  }

  /** Sends a message to the other tabs. Only the leader does so. */
  send(message: object): void {
    if (!this.#left) this.#channel.postMessage(message)
  }

  /** Asks the leader for its state. Takes its place if it does not answer, unless this tab resigned. */
  ask(urgently = false): void {
    if (this.#leading || this.#left) return
    this.#channel.postMessage(urgently ? WAKE : HELLO)
    this.#answerTimer ??= setTimeout(() => {
      this.#clearAnswerTimer()
      if (this.#resigned) this.#options.abandoned()
      else this.#queue(true)
    }, ANSWER_TIMEOUT_MS)
  }

  /** From now on this tab only follows. */
  resign(): void {
    this.#resigned = true
    this.#leading = false
    this.#waiting?.abort()
    this.#release?.()
  }

  leave(): void {
    this.#left = true
    clearInterval(this.#timer)
    this.#clearAnswerTimer()
    this.resign()
    this.#channel.close()
  }

  #receive(message: unknown): void {
    if (message === HELLO || message === WAKE) {
      if (this.#leading) this.#options.asked(message === WAKE)
      return
    }
    this.#clearAnswerTimer()
    if (!this.#leading) this.#options.receive(message)
  }

  #clearAnswerTimer(): void {
    clearTimeout(this.#answerTimer)
    this.#answerTimer = undefined
  }

  /** Waits for the lock, or steals it from a leader that does not answer. */
  #queue(steal = false): void {
    this.#clearAnswerTimer()
    this.#waiting?.abort()
    const waiting = new AbortController()
    this.#waiting = waiting
    const { tools, name } = this.#options
    const held = () =>
      new Promise<void>((resolve) => {
        if (waiting.signal.aborted) return resolve()
        this.#release = resolve
        this.#leading = true
        this.#clearAnswerTimer()
        this.#options.lead()
      })
    tools.locks.request(name, steal ? { steal } : { signal: waiting.signal }, held).catch(() => {
      if (waiting.signal.aborted || this.#left) return
      // Another tab stole the lock.
      this.#leading = false
      this.#options.follow()
      this.#queue()
    })
  }
}
