import { LabeledCounter } from '../lib/instruments.ts'
import type { Logger } from '../lib/log.ts'
import { PeriodicTask } from '../lib/periodic-task.ts'
import { sleep, withTimeout } from '../lib/timeout.ts'
import type { Sql } from './database.ts'
import { codeOf, failureOf, isStaleSession, SQLSTATE } from './errors.ts'
import { CHECK_TIMEOUT_MS, type ReplicaPools, type ReplicaSessions } from './replica-sessions.ts'

const CHECK_EVERY_MS = 1_000

/** Between two looks at how far a replica is. */
const LOOK_EVERY_MS = 5

/** The state of a replica, for health and metrics. */
export interface ReplicaState {
  /** Its host and port. */
  name: string
  /** Why it gets no reads. Undefined: it does. */
  problem: string | undefined
  /** Undefined while it is not known. */
  lagSeconds: number | undefined
}

export interface ReplicasOptions {
  pools: ReplicaSessions[]
  primary: Sql
  /** The identity of the database that they are copies of. */
  epoch: string
  /** One that is further behind gets no reads. */
  maxLagSeconds: number
  log: Pick<Logger, 'warn' | 'info'>
}

/** A position in the write-ahead log. */
type Position = bigint

class Replica {
  readonly name: string
  readonly pools: ReplicaPools
  problem: string | undefined = 'it was not checked yet'
  lagSeconds: number | undefined
  /** It had replayed the log up to here, or further. */
  replayed: Position = 0n
  /** A check that has no answer yet. The next one waits for it too, so that no questions pile up. */
  checking: Promise<string | undefined> | undefined
  /** End reads under way. */
  readonly onGone = new Set<() => void>()
  #looking: Promise<void> | undefined

  constructor(name: string, pools: ReplicaPools) {
    this.name = name
    this.pools = pools
  }

  /** Reads how far it is. Callers at the same time share one question. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #look(): Promise<void> {
    const [row] = await this.pools.checks<{ replayed: string | null }[]>`
      select pg_last_wal_replay_lsn()::text as replayed`
    if (row?.replayed) this.replayed = positionOf(row.replayed)
  }
}

/**
 * The replicas of the database, of which any may lag or be away. A read that must see what was committed before it asks
 * the primary how far its log is, and goes to a replica that has replayed as much.
 */
export class Replicas {
  /** Reads by the server that answered them: `replica` or `primary`. */
  readonly reads = new LabeledCounter('server')
  readonly all: readonly Replica[]
  readonly #options: ReplicasOptions
  readonly #checking: PeriodicTask
  /** Where the primary was at some moments of the last checks, oldest first. */
  #positions: { at: number; position: Position }[] = []
  #asking: Promise<Position> | undefined
  #next = 0

  constructor(options: ReplicasOptions) {
    this.#options = options
    this.all = options.pools.map(({ name, pools }) => new Replica(name, pools))
    this.#checking = new PeriodicTask(() => this.check(), {
      log: options.log,
      name: 'checking the replicas',
      intervalMs: CHECK_EVERY_MS,
    })
  }

  start(): void {
    this.#checking.start()
  }

  async stop(): Promise<void> {
    await this.#checking.stop()
  }

  get states(): ReplicaState[] {
    return this.all.map(({ name, problem, lagSeconds }) => ({ name, problem, lagSeconds }))
  }

  /**
   * Reads on a replica that has every commit until now, else on the primary.
   * @param waitMs how long a replica may take to have them
   */
  async read<T>(
    waitMs: number,
    onReplica: (replica: Replica) => Promise<T>,
    onPrimary: () => Promise<T>,
  ): Promise<T> {
    const replica = this.#choose()
    if (replica && (await this.#hasAll(replica, waitMs))) {
      try {
        const result = await unlessGone(replica, onReplica(replica))
        this.reads.add('replica')
        return result
      } catch (error) {
        if (!isOfReplica(error)) throw error
      }
    }
    this.reads.add('primary')
    return onPrimary()
  }

  /** Looks at every replica once. */
  async check(): Promise<void> {
    const at = performance.now()
    const position = await orUndefined(this.#positionOfPrimary())
    if (position !== undefined) {
      this.#positions.push({ at, position })
      const oldest = at - (this.#options.maxLagSeconds * 1000 + 2 * CHECK_EVERY_MS)
      // The one before the oldest is still needed, to tell that a replica is behind it.
      while ((this.#positions[1]?.at ?? at) < oldest) this.#positions.shift()
    }
    await Promise.all(this.all.map((replica) => this.#checkOne(replica)))
  }

  async #checkOne(replica: Replica): Promise<void> {
    replica.checking ??= this.#problemOf(replica).finally(() => {
      replica.checking = undefined
    })
    const problem = await withTimeout(replica.checking, CHECK_TIMEOUT_MS, () => NO_ANSWER)
    if (problem === NO_ANSWER) for (const end of replica.onGone) end()
    if (problem === replica.problem) return
    const { log } = this.#options
    const before = replica.problem
    replica.problem = problem
    const about = { replica: replica.name }
    if (problem === undefined) log.info(about, 'a replica takes reads')
    // The time that it is behind changes with each check.
    else if (before === undefined || kindOf(before) !== kindOf(problem)) {
      log.warn({ ...about, problem }, 'a replica is left out, and the primary takes its reads')
    }
  }

  /** Why it should get no reads. */
  async #problemOf(replica: Replica): Promise<string | undefined> {
    try {
      const [row] = await replica.pools.checks<
        { standby: boolean; replayed: string | null; epoch: string | null }[]
      >`
        select pg_is_in_recovery() as standby, pg_last_wal_replay_lsn()::text as replayed,
          (select epoch from meta) as epoch`
      if (row?.replayed) replica.replayed = positionOf(row.replayed)
      replica.lagSeconds = this.#lagOf(replica.replayed)
      if (!row?.standby) return 'it is no standby'
      if (row.epoch !== this.#options.epoch) return 'it is a copy of another database'
      const { lagSeconds } = replica
      if (lagSeconds !== undefined && lagSeconds > this.#options.maxLagSeconds) {
        return `it is ${Math.floor(lagSeconds)} s behind`
      }
      return undefined
    } catch (error) {
      replica.lagSeconds = undefined
      const code = codeOf(error)
      return failureOf(error) && !isStaleSession(error) ? NO_ANSWER : `it refuses reads (${code})`
    }
  }

  /** Since when it lacks something that the primary had. Needs no clock of the database, and no traffic. */
  #lagOf(replayed: Position): number | undefined {
    const missing = this.#positions.find(({ position }) => position > replayed)
    if (missing) return (performance.now() - missing.at) / 1000
    return this.#positions.length === 0 ? undefined : 0
  }

  /** In turn, among those that are fit. */
  #choose(): Replica | undefined {
    const fit = this.all.filter(({ problem }) => problem === undefined)
    this.#next = (this.#next + 1) % Math.max(1, fit.length)
    return fit[this.#next]
  }

  async #hasAll(replica: Replica, waitMs: number): Promise<boolean> {
    const needed = await this.#positionNow()
    const end = performance.now() + waitMs
    try {
      while (replica.replayed < needed) {
        if (performance.now() >= end || replica.problem !== undefined) return false
        await unlessGone(replica, replica.look())
        if (replica.replayed < needed) await sleep(LOOK_EVERY_MS)
      }
      return true
    } catch (error) {
      if (isOfReplica(error)) return false
      throw error
    }
  }

  /** Of the primary, at the earliest now. Reads of one turn share one question, which is sent after all of them. */
  #positionNow(): Promise<Position> {
    this.#asking ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      this.#asking = undefined
      return this.#positionOfPrimary()
    })
    return this.#asking
  }

  async #positionOfPrimary(): Promise<Position> {
    // A commit that does not wait for the disk may be answered before its log is written.
    const [row] = await this.#options.primary<{ position: string }[]>`
      select (case current_setting('synchronous_commit') when 'off' then pg_current_wal_insert_lsn()
        else pg_current_wal_lsn() end)::text as position`
    return positionOf(row?.position ?? '0/0')
  }
}

const NO_ANSWER = 'it does not answer'

class ReplicaGone extends Error {
  override readonly name = 'ReplicaGone'
}

/** @throws ReplicaGone if the replica stops to answer before. A connection to a machine that is gone can stay silent. */
async function unlessGone<T>(replica: Replica, read: Promise<T>): Promise<T> {
  let end = () => {}
  const gone = new Promise<never>((_, reject) => {
    end = () => reject(new ReplicaGone(NO_ANSWER))
  })
  replica.onGone.add(end)
  try {
    return await Promise.race([read, gone])
  } finally {
    replica.onGone.delete(end)
    read.catch(() => {})
  }
}

/** The primary may well answer. */
function isOfReplica(error: unknown): boolean {
  if (error instanceof ReplicaGone) return true
  // A statement that the replica cancelled for its time limit would take as long on the primary.
  return (
    codeOf(error) !== SQLSTATE.QUERY_CANCELED &&
    (failureOf(error) !== undefined || isStaleSession(error))
  )
}

/** Without its figures. */
function kindOf(problem: string): string {
  return problem.replace(/\d+/, '')
}

/** Of a text such as 16/B374D848. */
function positionOf(text: string): Position {
  const [high = '0', low = '0'] = text.split('/')
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`)
}

async function orUndefined<T>(answer: Promise<T>): Promise<T | undefined> {
  return withTimeout(answer, CHECK_TIMEOUT_MS, () => undefined).catch(() => undefined)
}
