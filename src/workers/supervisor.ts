import cluster, { type Worker } from 'node:cluster'
import type { AddressInfo, Socket } from 'node:net'
import type { Logger } from '../lib/log.ts'
import { withTimeout } from '../lib/timeout.ts'
import type { PrivateServices } from '../local/services.ts'
import { Dispatcher } from './dispatcher.ts'
import { Member } from './member.ts'
import type { Team, ToParent } from './messages.ts'
import { NoWorkerStarted } from './no-worker-started.ts'
import { stopReading } from './stop-reading.ts'
import { Totals } from './totals.ts'

export interface SupervisorOptions {
  /** How many workers there are. */
  count: number
  port: number
  host: string
  /** What this process has started for all of them. */
  services: PrivateServices
  /** How long a worker may wait for its database. */
  databaseWaitMs: number
  drainSeconds: number
  log: Pick<Logger, 'info' | 'warn' | 'error'>
}

/** Beyond the wait for a database, a worker is ready within this time or is ended. */
const START_TIMEOUT_MS = 60_000

/** A worker that was asked to end has twice the time of its drain, and this long for the rest. */
const END_TIMEOUT_MS = 15_000

/** A worker that answers none of so many pings hangs, and is replaced. */
const PING_EVERY_MS = 2_000
const MAX_UNANSWERED = 5

/** The wait before a worker is started again doubles with each failure. It begins anew for one that was up for long. */
const RESTART_DELAY_MS = { first: 100, longest: 30_000 }
const LONG_UP_MS = 60_000

/** The place of one worker. */
interface Slot {
  member: Member | undefined
  /** Failures in a row. */
  failures: number
  restart: NodeJS.Timeout | undefined
}

/**
 * The parent of the workers of a port. It accepts connections and gives each to a worker; no byte of them passes
 * through it. It starts workers again that end, and replaces them.
 */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #slots: Slot[]
  /** Every worker that lives, also those that drain. */
  readonly #members = new Map<number, Member>()
  readonly #totals = new Totals()
  readonly #dispatcher = new Dispatcher(() => this.#up())
  readonly #pings: NodeJS.Timeout
  #crashes = 0
  #serving = false
  #stopping = false
  #reloading: Promise<void> | undefined
  #reloadAgain = false

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#slots = Array.from({ length: options.count }, () => ({
      member: undefined,
      failures: 0,
      restart: undefined,
    }))
    // Messages contain bytes.
    cluster.setupPrimary({ serialization: 'advanced' })
    this.#pings = setInterval(() => this.#ping(), PING_EVERY_MS)
  }

  /**
   * Starts the first worker, and the others when it serves, so that a failure is reported once. The port is open from
   * then on, also while no worker is up.
   * @throws NoWorkerStarted
   */
  async start(): Promise<AddressInfo> {
    const [first, ...others] = this.#slots
    if (!first || !(await this.#fill(first).settled)) {
      throw new NoWorkerStarted('The server could not start.')
    }
    const address = await this.#dispatcher.listen(this.#options.port, this.#options.host)
    this.#serving = true
    for (const slot of others) if (!this.#stopping) this.#fill(slot)
    return address
  }

  /** Replaces all workers, one after the other. Each new one serves before an old one drains. */
  reload(): void {
    this.#reloadAgain = this.#reloading !== undefined
    this.#reloading ??= this.#replaceAll().finally(() => {
      this.#reloading = undefined
      if (this.#reloadAgain && !this.#stopping) this.reload()
    })
  }

  /** Ends all workers. Each drains. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearInterval(this.#pings)
    for (const slot of this.#slots) clearTimeout(slot.restart)
    await Promise.all([...this.#members.values()].map((member) => this.#end(member, false)))
    this.#dispatcher.close()
  }

  *#up(): Iterable<Member> {
    for (const member of this.#members.values()) if (member.up) yield member
  }

  get #team(): Team {
    return {
      alive: [...this.#members.values()].filter(({ served }) => served).map(({ id }) => id),
      up: this.#slots.filter(({ member }) => member?.up).length,
      wanted: this.#slots.length,
      crashes: this.#crashes,
    }
  }

  /** Starts a worker in a place that has none. */
  #fill(slot: Slot): Member {
    slot.member = this.#fork((member, how) => this.#crashed(slot, member, how))
    return slot.member
  }

  /** @param onCrash called if it ends without being asked to */
  #fork(onCrash: (member: Member, how: object) => void): Member {
    const worker: Worker = cluster.fork()
    const member = new Member(worker)
    this.#members.set(member.id, member)
    worker.on('message', (message: ToParent, connection?: Socket) => {
      this.#hear(member, message, connection)
    })
    const late = setTimeout(() => {
      this.#options.log.warn({ worker: member.id }, 'a worker took too long to start: it is ended')
      member.kill()
    }, this.#options.databaseWaitMs + START_TIMEOUT_MS)
    void member.settled.then(() => clearTimeout(late))
    void member.ended.then((how) => {
      this.#members.delete(member.id)
      this.#totals.end(member.id)
      this.#dispatcher.reassign(member)
      if (!member.released && !this.#stopping) onCrash(member, how)
      this.#tell()
    })
    return member
  }

  #crashed(slot: Slot, member: Member, how: object): void {
    // The start fails, or a reload ends. Both say so.
    if (!this.#serving || slot.member !== member) return
    this.#crashes += 1
    slot.member = undefined
    slot.failures = member.upForMs() >= LONG_UP_MS ? 0 : slot.failures + 1
    const { first, longest } = RESTART_DELAY_MS
    const againInMs = Math.min(longest, first * 2 ** Math.max(0, slot.failures - 1))
    this.#options.log.warn(
      { worker: member.id, pid: member.pid, ...how, againInMs },
      'a worker ended by itself: it is started again',
    )
    slot.restart = setTimeout(() => this.#fill(slot), againInMs)
  }

  #hear(member: Member, message: ToParent, connection: Socket | undefined): void {
    if (message.kind === 'begin') {
      member.say({ kind: 'services', services: this.#options.services })
      member.began()
    } else if (message.kind === 'ready') {
      member.ready()
      this.#options.log.info({ worker: member.id, pid: member.pid }, 'a worker is up')
      this.#tell()
      this.#dispatcher.assignWaiting()
    } else if (message.kind === 'confirmed') {
      member.connections = message.connections
      this.#dispatcher.confirm(message.number)
    } else if (message.kind === 'draining') {
      member.draining = true
      // All of them drain, and the port closes.
      if (this.#stopping) this.#dispatcher.close()
      this.#tell()
    } else if (message.kind === 'pong') {
      member.unansweredPings = 0
      member.connections = message.connections
    } else if (message.kind === 'values') {
      this.#totals.take(member.id, message.values, message.request)
    } else if (message.kind === 'exposition') {
      void this.#answerScrape(member, message.request)
    } else if (connection) {
      this.#passOn(member, message.owner, connection, message.bytes)
    }
  }

  async #answerScrape(member: Member, request: number): Promise<void> {
    const serving = [...this.#members.values()].filter(({ served }) => served)
    try {
      const exposition = await this.#totals.read(
        serving.map(({ id }) => id),
        (id, asked) => this.#members.get(id)?.say({ kind: 'values', request: asked }),
      )
      member.say({ kind: 'exposition', request, exposition })
    } catch (err) {
      this.#options.log.warn({ err }, 'the metrics of the workers are not known')
      member.say({ kind: 'exposition', request, exposition: undefined })
    }
  }

  /** To the worker that accepted it, if the other one has just ended. By then it knows, and says so to the client. */
  #passOn(from: Member, to: number, connection: Socket, bytes: Uint8Array): void {
    connection.on('error', () => {})
    stopReading(connection)
    const early: Buffer | null = connection.read()
    const target = this.#members.get(to) ?? from
    const all = early ? Buffer.concat([bytes, early]) : bytes
    target.give({ kind: 'handed over', bytes: all }, connection)
  }

  #tell(): void {
    const team = this.#team
    for (const member of this.#members.values()) member.say({ kind: 'team', team })
  }

  #ping(): void {
    for (const member of this.#members.values()) {
      if (!member.up) continue
      member.unansweredPings += 1
      if (member.unansweredPings <= MAX_UNANSWERED) member.say({ kind: 'ping' })
      else {
        this.#options.log.warn(
          { worker: member.id, pid: member.pid },
          'a worker does not answer: it is ended',
        )
        member.kill()
      }
    }
  }

  async #replaceAll(): Promise<void> {
    const { log } = this.#options
    log.info('the workers are replaced, one after the other')
    for (const slot of this.#slots) {
      if (this.#stopping || !(await this.#replace(slot))) return
    }
    log.info('all workers were replaced')
  }

  /** @returns false if the new worker does not start. The old one stays. */
  async #replace(slot: Slot): Promise<boolean> {
    const fresh = this.#fork((member, how) => this.#crashed(slot, member, how))
    if (!(await fresh.settled)) {
      if (!this.#stopping) {
        this.#options.log.error(
          { worker: fresh.id },
          'a new worker does not start: the others go on, and none of them is replaced',
        )
      }
      return false
    }
    clearTimeout(slot.restart)
    const old = slot.member
    slot.member = fresh
    slot.failures = 0
    if (old) await this.#end(old, true)
    return true
  }

  async #end(member: Member, replaced: boolean): Promise<void> {
    member.release(replaced)
    this.#tell()
    const limitMs = 2 * this.#options.drainSeconds * 1000 + END_TIMEOUT_MS
    await withTimeout(member.ended, limitMs, () => {
      this.#options.log.warn({ worker: member.id }, 'a worker does not end: it is killed')
      member.kill()
      return member.ended
    })
  }
}
