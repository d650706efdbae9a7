import cluster from 'node:cluster'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Siblings } from '../http/hand-over.ts'
import { ApiError } from '../lib/api-error.ts'
import { withTimeout } from '../lib/timeout.ts'
import type { PrivateServices } from '../local/services.ts'
import type { MetricValues } from '../observability/prometheus.ts'
import { SOCKET_IO_PATH } from '../realtime/transports/upgrade.ts'
import type { Exposition } from '../routes/deps.ts'
import type { Team, ToParent, ToWorker } from './messages.ts'
import { stopReading } from './stop-reading.ts'

/** Longer than the parent waits for the values of all workers. */
const EXPOSITION_TIMEOUT_MS = 5_000

/** How often a worker asks whether its parent still lives. */
const ORPHAN_CHECK_MS = 1_000

/** The session that a request of Socket.IO names begins with the number of its worker. */
const OWNER = /[?&]sid=(\d{1,10})\./

export interface WorkerHooks {
  /** The metrics of this worker. */
  values(): Promise<MetricValues>
  /** Serves a connection, of which these bytes were already read. */
  adopt(connection: Socket, bytes?: Uint8Array): void
  /** Connections that are open. */
  connections(): number
}

/** A worker's end of the line to its parent. */
export class WorkerLink implements Siblings {
  /** Of this worker, among all that its parent ever started. */
  readonly id = cluster.worker?.id ?? 0
  /** What the parent has already started. */
  readonly services: Promise<PrivateServices>
  /** Whether another worker takes the place of this one, which was told to stop. */
  replaced = false
  #team: Team = { alive: [], up: 0, wanted: 0, crashes: 0 }
  #hooks: WorkerHooks | undefined
  #requests = 0
  readonly #expositions = new Map<number, (answer: Exposition | undefined) => void>()

  /** @param onStop called when the parent asks this worker to end */
  constructor(onStop: () => void) {
    this.services = new Promise((resolve) => {
      process.on('message', (message: ToWorker, connection?: Socket) => {
        if (message.kind === 'services') resolve(message.services)
        else if (message.kind === 'stop') {
          this.replaced = message.replaced
          onStop()
        } else this.#take(message, connection)
      })
    })
    this.#say({ kind: 'begin' })
    // Node ends a worker whose parent has ended, unless the parent was killed while it wrote a message: then the event
    // `disconnect` never comes.
    setInterval(() => process.connected || process.exit(1), ORPHAN_CHECK_MS).unref()
  }

  get team(): Team {
    return this.#team
  }

  /** What this worker does for the others, from now on. */
  serve(hooks: WorkerHooks): void {
    this.#hooks = hooks
  }

  /** Call it when requests are served. */
  ready(): void {
    this.#say({ kind: 'ready' })
  }

  stopAccepting(): void {
    this.#say({ kind: 'draining' })
  }

  /**
   * The metrics of all workers together.
   * @throws ApiError `unavailable` if they are not known
   */
  async exposition(): Promise<Exposition> {
    const request = ++this.#requests
    const answer = new Promise<Exposition | undefined>((resolve) => {
      this.#expositions.set(request, resolve)
    })
    this.#say({ kind: 'exposition', request })
    const exposition = await withTimeout(answer, EXPOSITION_TIMEOUT_MS, () => undefined)
    this.#expositions.delete(request)
    if (exposition) return exposition
    throw new ApiError(503, 'unavailable', 'Some worker did not tell its metrics.', {
      retryAfter: 1,
    })
  }

  /** Gives the parent what this worker has counted, before it ends. */
  async sayLastValues(): Promise<void> {
    const values = await this.#hooks?.values()
    if (values) await new Promise<void>((said) => this.#say({ kind: 'values', values }, said))
  }

  /** An id for a session of this worker. */
  sessionId(random: string): string {
    return `${this.id}.${random}`
  }

  ownerOf({ url = '' }: Pick<IncomingMessage, 'url'>): number | undefined {
    if (!url.startsWith(SOCKET_IO_PATH)) return undefined
    const owner = Number(OWNER.exec(url)?.[1])
    return owner !== this.id && this.#team.alive.includes(owner) ? owner : undefined
  }

  send(owner: number, connection: Socket, bytes: Buffer): void {
    connection.on('error', () => {})
    // With it, Node would count the connection as one of this server until the other worker closed it, by way of the
    // parent, which does not know.
    Object.assign(connection, { server: null })
    stopReading(connection)
    process.send?.(
      { kind: 'hand over', owner, bytes } satisfies ToParent,
      connection,
      { keepOpen: false },
      // This end: the connection itself goes on.
      () => connection.destroy(),
    )
  }

  #take(message: ToWorker, connection: Socket | undefined): void {
    if (message.kind === 'accepted') {
      const { number } = message
      // Undefined: the client has left.
      if (connection) this.#adopt(connection)
      this.#say({ kind: 'confirmed', number, connections: this.#hooks?.connections() ?? 0 })
    } else if (message.kind === 'handed over') {
      if (connection) this.#adopt(connection, message.bytes)
    } else if (message.kind === 'team') {
      this.#team = message.team
    } else if (message.kind === 'ping') {
      this.#say({ kind: 'pong', connections: this.#hooks?.connections() ?? 0 })
    } else if (message.kind === 'exposition') {
      this.#expositions.get(message.request)?.(message.exposition)
    } else if (message.kind === 'values') {
      const { request } = message
      // The parent counts those as before that do not answer.
      this.#hooks?.values().then(
        (values) => this.#say({ kind: 'values', request, values }),
        () => {},
      )
    }
  }

  #adopt(connection: Socket, bytes?: Uint8Array): void {
    if (this.#hooks) this.#hooks.adopt(connection, bytes)
    else connection.destroy()
  }

  #say(message: ToParent, said?: () => void): void {
    // An error means that the parent has ended, and Node ends the worker with it.
    process.send?.(message, undefined, undefined, said ?? (() => {}))
  }
}
