import { timingSafeEqual } from 'node:crypto'
import type { DeedOrigin } from '../ledger/deed.ts'
import { ApiError } from '../lib/api-error.ts'
import type { Logger } from '../lib/log.ts'
import { PeriodicTask } from '../lib/periodic-task.ts'
import { Refresher } from '../lib/refresher.ts'
import { sleep } from '../lib/timeout.ts'
import type { ApiKey } from './api-key.ts'
import { hashOf, prefixOf, startsLikeKey } from './api-key-secret.ts'
import type { ApiKeyStore, Credential, NewApiKey } from './api-key-store.ts'
import { MAX_EXPIRY_SECONDS } from './claims.ts'
import type { Principal } from './principal.ts'
import { tokenRefused } from './tokens.ts'

export interface ApiKeysOptions {
  store: ApiKeyStore
  log: Pick<Logger, 'warn' | 'info'>
  /** Asks the other processes to read the store. Rejects when they may not have received it. */
  announce(): Promise<void>
  /** Default 1000. */
  pollEveryMs?: number
  /** How often uses are written. Default a minute. */
  noteEveryMs?: number
  /** How often those that ended long ago are deleted. Default an hour. */
  pruneEveryMs?: number
}

const PAGE_SIZE = 1000

/** A key that this process does not know makes it read the store, at most this often. */
const LOOK_EVERY_MS = 250

interface Known {
  key: ApiKey
  credential: Credential
}

/**
 * The API keys that work, in memory, so that no request asks the database for its key. A key that another process has
 * just made is found when it is first used.
 */
export class ApiKeys {
  readonly #store: ApiKeyStore
  readonly #announce: () => Promise<void>
  readonly #refresher: Refresher
  readonly #noting: PeriodicTask
  readonly #pruning: PeriodicTask
  readonly #listeners = new Set<() => void>()
  /** By prefix. */
  #known: ReadonlyMap<string, Known> = new Map()
  /** The prefixes of each key. */
  #prefixes: ReadonlyMap<string, readonly string[]> = new Map()
  #version = 0
  #lookedAt = Number.NEGATIVE_INFINITY
  #turn: Promise<void> | undefined
  /** Uses that are not written yet: milliseconds since 1970 by id. */
  #uses = new Map<string, number>()

  private constructor(options: ApiKeysOptions) {
    const { store, log, announce, pollEveryMs } = options
    const { noteEveryMs = 60_000, pruneEveryMs = 3_600_000 } = options
    this.#store = store
    this.#announce = announce
    this.#refresher = new Refresher((whole) => this.#load(whole), {
      ...{ log, name: 'API keys', pollEveryMs },
    })
    this.#noting = new PeriodicTask(() => this.#note(), {
      ...{ log, name: 'noting the use of API keys', intervalMs: noteEveryMs },
    })
    this.#pruning = new PeriodicTask(() => store.prune(), {
      ...{ log, name: 'deleting old API keys', intervalMs: pruneEveryMs, delayMs: pruneEveryMs },
    })
  }

  /** Resolves once all keys are known. */
  static async open(options: ApiKeysOptions): Promise<ApiKeys> {
    const keys = new ApiKeys(options)
    await keys.#refresher.start()
    keys.#noting.start()
    keys.#pruning.start()
    return keys
  }

  looksLikeOne(token: string): boolean {
    return startsLikeKey(token)
  }

  /**
   * The bearer of a key.
   * @throws ApiError 401, which does not say whether a part of the key is right; 503 for a key that is not known while
   *   the store is unavailable
   */
  async authenticate(text: string): Promise<Principal> {
    const prefix = prefixOf(text)
    if (prefix === undefined) throw tokenRefused('malformed')
    if (!this.#known.has(prefix)) await this.#look()
    const principal = this.recall(text)
    if (!principal) throw tokenRefused('key')
    return principal
  }

  /** The same without looking for new keys. */
  recall(text: string): Principal | undefined {
    const prefix = prefixOf(text)
    const known = prefix === undefined ? undefined : this.#known.get(prefix)
    if (!known || !timingSafeEqual(known.credential.hash, hashOf(text))) return undefined
    const { key, credential } = known
    const { until } = credential
    this.#uses.set(key.id, Date.now())
    return {
      tenant: key.tenant,
      userId: credential.userId,
      isAdmin: key.roles.includes('admin'),
      isService: key.roles.includes('service'),
      ...(key.kind === 'operator' && { isActing: true as const }),
      keyId: credential.prefix,
      ...(key.scopes && { scopes: key.scopes }),
      expiresAt: until === undefined ? MAX_EXPIRY_SECONDS : until / 1000,
    }
  }

  /** Why a bearer of a key may not go on: it was revoked, or has expired. */
  problem({ keyId = '' }: Principal): ApiError | undefined {
    const known = this.#known.get(keyId)
    if (!known) return tokenRefused('revoked')
    // Not as the principal has it: a stream may have begun before its key was rotated.
    const { until = Number.POSITIVE_INFINITY } = known.credential
    return until <= Date.now() ? tokenRefused('expired') : undefined
  }

  /** `listener` is called when a key may have ended. */
  onEnded(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  create(key: NewApiKey, actor: string, origin?: DeedOrigin) {
    return this.#changed(this.#store.create(key, actor, origin))
  }

  rotate(...args: Parameters<ApiKeyStore['rotate']>) {
    return this.#changed(this.#store.rotate(...args))
  }

  revoke(...args: Parameters<ApiKeyStore['revoke']>) {
    return this.#changed(this.#store.revoke(...args))
  }

  get: ApiKeyStore['get'] = (tenant, id) => this.#store.get(tenant, id)
  list: ApiKeyStore['list'] = (query) => this.#store.list(query)
  tenantOf: ApiKeyStore['tenantOf'] = (id) => this.#store.tenantOf(id)

  /** Another process announced a change. */
  announced(): void {
    this.#refresher.announced()
  }

  async close(): Promise<void> {
    this.#refresher.close()
    void this.#pruning.stop()
    await this.#noting.stop()
    await this.#note().catch(() => {})
  }

  async #changed<T>(change: Promise<T | undefined>): Promise<T | undefined> {
    const changed = await change
    if (changed !== undefined) {
      this.#announce().catch(() => {
        // The other processes also poll the store.
      })
      await this.#refresher.refresh()
    }
    return changed
  }

  /**
   * Reads the store for a key that is not known, at a rate that a flood of invented keys cannot raise: they wait for
   * their turn together.
   */
  async #look(): Promise<void> {
    this.#turn ??= sleep(Math.max(0, this.#lookedAt + LOOK_EVERY_MS - performance.now())).then(
      () => {
        this.#lookedAt = performance.now()
        this.#turn = undefined
      },
    )
    await this.#turn
    await this.#refresher.refresh().catch((cause) => {
      throw new ApiError(503, 'unavailable', 'The API key cannot be checked right now.', {
        ...{ retryAfter: 1, cause },
      })
    })
  }

  async #load(whole: boolean): Promise<void> {
    const known = new Map(whole ? [] : this.#known)
    const prefixes = new Map(whole ? [] : this.#prefixes)
    let version = whole ? 0 : this.#version
    let changed = 0
    for (;;) {
      const changes = await this.#store.changesAfter(version, PAGE_SIZE)
      for (const { key, credentials, version: newest } of changes) {
        for (const prefix of prefixes.get(key.id) ?? []) known.delete(prefix)
        for (const credential of credentials) known.set(credential.prefix, { key, credential })
        prefixes.set(
          key.id,
          credentials.map(({ prefix }) => prefix),
        )
        version = newest
      }
      changed += changes.length
      if (changes.length < PAGE_SIZE) break
    }
    if (changed === 0 && !whole) return
    this.#known = known
    this.#prefixes = prefixes
    this.#version = version
    for (const listener of this.#listeners) listener()
  }

  async #note(): Promise<void> {
    const uses = this.#uses
    if (uses.size === 0) return
    this.#uses = new Map()
    await this.#store.noteUses(uses)
  }
}
