import type { Logger } from '../lib/log.ts'
import type { Principal, RevocationList } from './principal.ts'
import type {
  NewRevocation,
  Revocation,
  RevocationChange,
  RevocationStore,
} from './revocation-store.ts'
import { CLOCK_TOLERANCE_SECONDS } from './tokens.ts'

export interface RevocationsOptions {
  store: RevocationStore
  log: Pick<Logger, 'warn'>
  /** Asks the other processes to read the store. Rejects when they may not have received it. */
  announce(): Promise<void>
  /**
   * The store is also read this often, so that a lost announcement, for instance by a Redis that hangs,
   * delays a revocation by less than a second. Default 500.
   */
  pollEveryMs?: number
  /** Default 10 minutes. */
  pruneEveryMs?: number
}

/** Changes that are read at a time. */
const PAGE_SIZE = 1000

/** After so long without a read, everything is read anew. The store keeps lifted revocations for longer. */
const RELOAD_AFTER_MS = 3_600_000

/** A revocation outlives its tokens, which are accepted for another half minute because clocks differ. */
const GRACE_MS = 60_000

interface Known {
  /** Seconds since 1970. Tokens issued up to then are revoked; includes the tolerance for a clock that is ahead. */
  issuedUntil: number
  /** Milliseconds since 1970. */
  expiresAt: number
}

/**
 * The revocations in force, in memory, so that no request waits for a database to check its token. While the
 * store is unavailable, the known ones still apply.
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
    this.#options = { pollEveryMs: 500, pruneEveryMs: 600_000, ...options }
  }

  /** Resolves once all revocations are known. Before that no token can be trusted. */
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
    // A token without `iat` may be old, so the revocation applies to it.
    if (byUser && applies(byUser) && (issuedAt ?? 0) <= byUser.issuedUntil) return true
    const byId = tokenId === undefined ? undefined : this.#known.get(key(tenant, 'token', tokenId))
    return byId !== undefined && applies(byId)
  }

  onRevoked(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * When it resolves, the revocation is stored, applies in this process, and is being announced. When it
   * rejects, part of that may have happened; calling it again is safe.
   */
  async revoke(revocation: NewRevocation): Promise<Revocation> {
    const revoked = await this.#options.store.revoke(revocation)
    this.#announce()
    await this.refresh()
    return revoked
  }

  /** False if the tenant has no revocation with this id. */
  async lift(tenant: string, id: string): Promise<boolean> {
    const lifted = await this.#options.store.lift(tenant, id)
    if (lifted) {
      this.#announce()
      // If the store fails now, the token is accepted again after a later read.
      await this.refresh().catch((error) => this.#failed(error))
    }
    return lifted
  }

  list: RevocationStore['list'] = (query) => this.#options.store.list(query)

  /** Resolves when this process knows everything that is in the store now. */
  refresh(): Promise<void> {
    if (!this.#reading) return this.#read()
    // The read under way may have begun before the change.
    this.#next ??= this.#reading.catch(() => {}).then(() => this.#read())
    return this.#next
  }

  /** Another process announced a change. */
  announced(): void {
    this.refresh().catch((error) => this.#failed(error))
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #announce(): void {
    this.#options.announce().catch(() => {
      // The other processes also poll the store.
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
    const isReload = began - this.#readAt > RELOAD_AFTER_MS
    const known = isReload ? new Map<string, Known>() : this.#known
    let version = isReload ? 0 : this.#version
    let added = 0
    for (;;) {
      const changes = await store.changesAfter(version, PAGE_SIZE)
      for (const change of changes) added += apply(known, change)
      version = changes.at(-1)?.version ?? version
      if (changes.length < PAGE_SIZE) break
    }
    this.#known = known
    this.#version = version
    this.#readAt = began
    this.#failing = false
    if (added > 0) for (const listener of this.#listeners) listener()
  }

  #poll(): void {
    this.#timer = setTimeout(async () => {
      // Not awaited, so that slow pruning does not delay the next read.
      void this.#prune()
      await this.refresh().catch((error) => this.#failed(error))
      if (!this.#closed) this.#poll()
    }, this.#options.pollEveryMs)
    this.#timer.unref()
  }

  async #prune(): Promise<void> {
    const { store, log, pruneEveryMs } = this.#options
    if (this.#pruning || performance.now() - this.#prunedAt < pruneEveryMs) return
    this.#pruning = true
    for (const [key, known] of this.#known) if (!applies(known)) this.#known.delete(key)
    await store.prune().catch((error) => {
      if (!this.#closed) log.warn({ err: error }, 'old revocations could not be deleted')
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

/** Returns the number of added revocations: 1, or 0 if one was lifted. */
function apply(known: Map<string, Known>, { revocation, lifted }: RevocationChange): number {
  const { tenant, userId, tokenId, revokedAt, expiresAt } = revocation
  const revoked =
    userId === undefined ? key(tenant, 'token', tokenId ?? '') : key(tenant, 'user', userId)
  if (lifted) {
    known.delete(revoked)
    return 0
  }
  const end = expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(expiresAt) + GRACE_MS
  known.set(revoked, {
    issuedUntil: Date.parse(revokedAt) / 1000 + CLOCK_TOLERANCE_SECONDS,
    expiresAt: end,
  })
  return 1
}

const applies = ({ expiresAt }: Known) => expiresAt > Date.now()

/** A token's id can be any text, so it comes last. */
const key = (tenant: string, kind: 'user' | 'token', subject: string) =>
  `${tenant}\n${kind}\n${subject}`
