import type { Logger } from '../lib/log.ts'
import { CLOCK_TOLERANCE } from './clock.ts'
import type { Principal, RevocationList } from './principal.ts'
import type { NewRevocation, Revocation, RevocationChange, RevocationStore } from './revocation.ts'

export interface RevocationsOptions {
  store: RevocationStore
  log: Pick<Logger, 'warn'>
  /** Tells the other processes to look at the store. Rejects when they may not have heard. */
  announce(): Promise<void>
  /**
   * Milliseconds between looks at the store, whatever is announced: what an announcement could not reach,
   * for instance through a Redis that hangs, is still found within a second. Default 500.
   */
  pollEvery?: number
  /** Milliseconds between prunings. Default 10 minutes. */
  pruneEvery?: number
}

/** Changes read at once. */
const PAGE = 1000

/** Milliseconds: a lifted revocation can be found in the store for longer than this, so nothing is missed. */
const RELOAD_AFTER = 3_600_000

/** A token counts for half a minute past its end: clocks differ. */
const GRACE = 60_000

interface Known {
  /** Seconds since 1970: tokens that say they were issued up to then are revoked, by a clock that is ahead. */
  issuedUntil: number
  /** Milliseconds since 1970. */
  until: number
}

/**
 * The revocations that stand, in memory: no request asks a database whether its token counts. While the
 * store is away, those known before still stand.
 */
export class Revocations implements RevocationList {
  readonly #options: Required<RevocationsOptions>
  readonly #listeners = new Set<() => void>()
  #known = new Map<string, Known>()
  #version = 0
  /** By `performance.now()`, as `#prunedAt`. */
  #readAt = Number.NEGATIVE_INFINITY
  #prunedAt = 0
  #pruning = false
  #reading: Promise<void> | undefined
  #next: Promise<void> | undefined
  #failing = false
  #closed = false
  #timer: NodeJS.Timeout | undefined

  private constructor(options: RevocationsOptions) {
    this.#options = { pollEvery: 500, pruneEvery: 600_000, ...options }
  }

  /** Resolves once all revocations are known: before, no token can be trusted. */
  static async open(options: RevocationsOptions): Promise<Revocations> {
    const revocations = new Revocations(options)
    await revocations.refresh()
    revocations.#prunedAt = performance.now()
    revocations.#poll()
    return revocations
  }

  covers({ tenant, userId, tokenId, issuedAt }: Principal): boolean {
    if (this.#known.size === 0) return false
    const byUser = this.#known.get(key(tenant, 'user', userId))
    // Nobody knows when a token without `iat` was issued.
    if (byUser && stands(byUser) && (issuedAt ?? 0) <= byUser.issuedUntil) return true
    const byId = tokenId === undefined ? undefined : this.#known.get(key(tenant, 'token', tokenId))
    return byId !== undefined && stands(byId)
  }

  onRevoked(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Once it resolves, it is kept for good, counts in this process, and the others are being told. Where it
   * rejects, some of that may have happened: once more does no harm.
   */
  async revoke(revocation: NewRevocation): Promise<Revocation> {
    const revoked = await this.#options.store.revoke(revocation)
    this.#announce()
    await this.refresh()
    return revoked
  }

  /** False: there is none of this tenant with this id. */
  async lift(tenant: string, id: string): Promise<boolean> {
    const lifted = await this.#options.store.lift(tenant, id)
    if (lifted) {
      this.#announce()
      // The token counts again, a moment later where the store went away meanwhile.
      await this.refresh().catch((error) => this.#failed(error))
    }
    return lifted
  }

  list: RevocationStore['list'] = (query) => this.#options.store.list(query)

  /** Resolves when everything that is in the store by now is known here. */
  refresh(): Promise<void> {
    if (!this.#reading) return this.#read()
    // What is being read now may have begun too early.
    this.#next ??= this.#reading.catch(() => {}).then(() => this.#read())
    return this.#next
  }

  /** Another process says that something changed. */
  announced(): void {
    this.refresh().catch((error) => this.#failed(error))
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #announce(): void {
    this.#options.announce().catch(() => {
      // The others look at the store by themselves.
    })
  }

  #read(): Promise<void> {
    this.#next = undefined
    this.#reading = this.#load().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #load(): Promise<void> {
    const { store } = this.#options
    const began = performance.now()
    const whole = began - this.#readAt > RELOAD_AFTER
    const known = whole ? new Map<string, Known>() : this.#known
    let version = whole ? 0 : this.#version
    let more = 0
    for (;;) {
      const changes = await store.changesAfter(version, PAGE)
      for (const change of changes) more += apply(known, change)
      version = changes.at(-1)?.version ?? version
      if (changes.length < PAGE) break
    }
    this.#known = known
    this.#version = version
    this.#readAt = began
    this.#failing = false
    if (more > 0) for (const listener of this.#listeners) listener()
  }

  #poll(): void {
    this.#timer = setTimeout(async () => {
      // Apart: what is new is found also while what is old takes its time.
      void this.#prune()
      await this.refresh().catch((error) => this.#failed(error))
      if (!this.#closed) this.#poll()
    }, this.#options.pollEvery)
    this.#timer.unref()
  }

  async #prune(): Promise<void> {
    const { store, log, pruneEvery } = this.#options
    if (this.#pruning || performance.now() - this.#prunedAt < pruneEvery) return
    this.#pruning = true
    for (const [key, known] of this.#known) if (!stands(known)) this.#known.delete(key)
    await store.prune().catch((error) => {
      if (!this.#closed) log.warn({ err: error }, 'old revocations could not be forgotten')
    })
    this.#prunedAt = performance.now()
    this.#pruning = false
  }

  #failed(error: unknown): void {
    if (this.#failing || this.#closed) return
    this.#failing = true
    this.#options.log.warn({ err: error }, 'revocations could not be read; trying again')
  }
}

/** How many more tokens it revokes: 1, or 0 where it takes something back. */
function apply(known: Map<string, Known>, { revocation, lifted }: RevocationChange): number {
  const { tenant, userId, tokenId, revokedAt, expiresAt } = revocation
  const of =
    userId === undefined ? key(tenant, 'token', tokenId ?? '') : key(tenant, 'user', userId)
  if (lifted) {
    known.delete(of)
    return 0
  }
  const until = expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(expiresAt) + GRACE
  known.set(of, { issuedUntil: Date.parse(revokedAt) / 1000 + CLOCK_TOLERANCE, until })
  return 1
}

const stands = ({ until }: Known) => until > Date.now()

/** A token's id is any text, so it comes last. */
const key = (tenant: string, kind: 'user' | 'token', subject: string) =>
  `${tenant}\n${kind}\n${subject}`
