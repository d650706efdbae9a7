import type { DeedOrigin } from '../ledger/deed.ts'
import type { Logger } from '../lib/log.ts'
import { PeriodicTask } from '../lib/periodic-task.ts'
import { Refresher } from '../lib/refresher.ts'
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
  log: Pick<Logger, 'warn' | 'info'>
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
  readonly #store: RevocationStore
  readonly #announce: () => Promise<void>
  readonly #refresher: Refresher
  readonly #pruning: PeriodicTask
  readonly #listeners = new Set<() => void>()
  #known = new Map<string, Known>()
  #version = 0

  private constructor(options: RevocationsOptions) {
    const { store, log, announce, pollEveryMs = 500, pruneEveryMs = 600_000 } = options
    this.#store = store
    this.#announce = announce
    this.#refresher = new Refresher((whole) => this.#load(whole), {
      ...{ log, name: 'revocations', pollEveryMs },
    })
    this.#pruning = new PeriodicTask(() => this.#prune(), {
      ...{ log, name: 'deleting old revocations', intervalMs: pruneEveryMs, delayMs: pruneEveryMs },
    })
  }

  /** Resolves once all revocations are known. Before that no token can be trusted. */
  static async open(options: RevocationsOptions): Promise<Revocations> {
    const revocations = new Revocations(options)
    await revocations.#refresher.start()
    revocations.#pruning.start()
    return revocations
  }

  covers({ tenant, userId, tokenId, issuedAt, keyId }: Principal): boolean {
    // An API key is no token of its user: it is revoked by itself.
    if (this.#known.size === 0 || keyId !== undefined) return false
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
  async revoke(revocation: NewRevocation, origin?: DeedOrigin): Promise<Revocation> {
    const revoked = await this.#store.revoke(revocation, origin)
    this.#tellOthers()
    await this.#refresher.refresh()
    return revoked
  }

  /** False if the tenant has no revocation with this id. */
  async lift(tenant: string, id: string, origin?: DeedOrigin): Promise<boolean> {
    const lifted = await this.#store.lift(tenant, id, origin)
    if (lifted) {
      this.#tellOthers()
      // If the store fails now, the token is accepted again after a later read.
      await this.#refresher.refresh().catch(() => {})
    }
    return lifted
  }

  list: RevocationStore['list'] = (query) => this.#store.list(query)

  /** Another process announced a change. */
  announced(): void {
    this.#refresher.announced()
  }

  /** Does not wait for the end of a deletion. */
  close(): void {
    this.#refresher.close()
    void this.#pruning.stop()
  }

  #tellOthers(): void {
    this.#announce().catch(() => {
      // The other processes also poll the store.
    })
  }

  /** @param whole a lifted revocation is kept for a while only, so what was known before does not count */
  async #load(whole: boolean): Promise<void> {
    const known = whole ? new Map<string, Known>() : this.#known
    let version = whole ? 0 : this.#version
    let added = 0
    for (;;) {
      const changes = await this.#store.changesAfter(version, PAGE_SIZE)
      for (const change of changes) added += apply(known, change)
      version = changes.at(-1)?.version ?? version
      if (changes.length < PAGE_SIZE) break
    }
    this.#known = known
    this.#version = version
    if (added > 0) for (const listener of this.#listeners) listener()
  }

  async #prune(): Promise<void> {
    for (const [key, known] of this.#known) if (!applies(known)) this.#known.delete(key)
    await this.#store.prune()
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
