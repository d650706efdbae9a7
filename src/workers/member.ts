import type { Worker } from 'node:cluster'
import type { Socket } from 'node:net'
import type { ToWorker } from './messages.ts'

/** How a process ended. */
export interface Ending {
  /** Null if a signal ended it. */
  code: number | null
  signal: string | null
}

/** One worker, as its parent knows it. */
export class Member {
  readonly id: number
  readonly pid: number | undefined
  /** True when it serves, false if it ended before. */
  readonly settled: Promise<boolean>
  readonly ended: Promise<Ending>
  /** It was asked to end. */
  released = false
  /** It takes no new connection any more. */
  draining = false
  unansweredPings = 0
  /** As it last said. */
  connections = 0
  /** New connections that it has not confirmed. */
  unconfirmed = 0
  /** The number of the last one. */
  lastGiven = 0
  readonly #worker: Worker
  #readyAt: number | undefined
  #stop: ToWorker | undefined
  #settle: (serves: boolean) => void = () => {}

  constructor(worker: Worker) {
    this.#worker = worker
    this.id = worker.id
    this.pid = worker.process.pid
    this.settled = new Promise((resolve) => {
      this.#settle = resolve
    })
    this.ended = new Promise((resolve) => {
      worker.once('exit', (code: number | null, signal: string | null) => {
        this.#settle(false)
        resolve({ code, signal })
      })
    })
    // The process could not be signalled or written to. Its end says the rest.
    worker.on('error', () => {})
  }

  /** It takes new connections. */
  get up(): boolean {
    return this.served && !this.draining
  }

  /** It takes or took connections, and may have sessions. */
  get served(): boolean {
    return this.#readyAt !== undefined
  }

  /** Since it is ready; 0 if it is not. */
  upForMs(): number {
    return this.#readyAt === undefined ? 0 : performance.now() - this.#readyAt
  }

  ready(): void {
    this.#readyAt = performance.now()
    this.#settle(true)
  }

  /** It hears what is said from now on. */
  began(): void {
    if (this.#stop) this.say(this.#stop)
  }

  /** Asks it to drain and to end. */
  release(replaced: boolean): void {
    this.released = true
    if (replaced) this.draining = true
    this.#stop = { kind: 'stop', replaced }
    this.say(this.#stop)
  }

  say(message: ToWorker): void {
    if (this.#worker.isConnected()) this.#worker.send(message, () => {})
  }

  /** Shares a connection, which stays open here. */
  lend(message: ToWorker, connection: Socket): void {
    if (this.#worker.isConnected()) {
      this.#worker.send(message, connection, { keepOpen: true }, () => {})
    }
  }

  /** Gives a connection away. It is closed if the worker has ended. */
  give(message: ToWorker, connection: Socket): void {
    if (!this.#worker.isConnected()) return void connection.destroy()
    this.#worker.send(message, connection, { keepOpen: false }, () => connection.destroy())
  }

  kill(): void {
    this.#worker.process.kill('SIGKILL')
  }
}
