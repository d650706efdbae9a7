import {
  type CryptoKey,
  createLocalJWKSet,
  errors,
  type FlattenedJWSInput,
  type JSONWebKeySet,
  type JWSHeaderParameters,
} from 'jose'
import type { Logger } from '../lib/log.ts'

/** Public keys as an identity provider publishes them. */
export interface PublishedKeys {
  /** Returns the key that signed this token. Throws `JWKSNoMatchingKey`, or `KeySourceError` while no key is known. */
  find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey>
  /**
   * Increases when the set of keys changes; tokens must then be verified again. NaN, which equals nothing,
   * while the set is so old that a token has to wait for a newer one.
   */
  generation(): number
}

/** No key is known and none can be fetched. That is an outage, not the token's fault. */
export class KeySourceError extends Error {
  override readonly name = 'KeySourceError'
}

export interface PublishedKeysOptions {
  url: string
  /** A fetched set is fetched again after this time. Default 10 minutes. */
  maxAgeMs?: number
  /** A token waits for a newer set after this time, unless the last fetch failed. Default twice `maxAgeMs`. */
  tooOldMs?: number
  /** The least time between two fetches. Default 30 s, and 5 s after a failure. */
  cooldownMs?: number
  now?: () => number
  /** Gets the set. Default: `fetch`, without redirects. */
  fetchSet?: FetchSet | undefined
  /** Names the set in the log. Default JWT_JWKS_URL. */
  name?: string
  /** Logs when the set becomes unreadable, and readable again. Default: none. */
  log?: Logger | undefined
}

/** Rejects unless the URL answers 200 with JSON. */
export type FetchSet = (url: string) => Promise<unknown>

const FETCH_TIMEOUT_MS = 5000

async function fetchSet(url: string): Promise<unknown> {
  const signal = AbortSignal.timeout(FETCH_TIMEOUT_MS)
  const response = await fetch(url, { signal, redirect: 'error' })
  if (response.status !== 200) throw new Error(`answered ${response.status}`)
  return response.json()
}

const RETRY_AFTER_FAILURE_MS = 5000

/**
 * A JWK set that is fetched, cached and rotated. An unknown `kid` fetches it again, at a bounded rate that a
 * flood of forged tokens cannot raise. While the source is unavailable or hangs, the last known keys stay
 * valid, and no token that they verify waits for it.
 */
export function createPublishedKeys(options: PublishedKeysOptions): PublishedKeys {
  const {
    url,
    maxAgeMs = 600_000,
    cooldownMs = 30_000,
    now = () => performance.now(),
    fetchSet: get = fetchSet,
    name = 'JWT_JWKS_URL',
    log,
  } = options
  const { tooOldMs = 2 * maxAgeMs } = options
  let keys: ReturnType<typeof createLocalJWKSet> | undefined
  let text = ''
  let generation = 0
  let notBefore = 0
  let fetchedAt = 0
  let failing = false
  let pending: Promise<void> | undefined

  async function load(): Promise<void> {
    try {
      const set = (await get(url)) as JSONWebKeySet
      const next = createLocalJWKSet(readable(set))
      const canonical = JSON.stringify(set)
      if (canonical !== text) generation++
      keys = next
      text = canonical
      fetchedAt = now()
      if (failing) log?.info(`the keys of ${name} can be read again`)
      failing = false
      notBefore = fetchedAt + cooldownMs
    } catch (cause) {
      if (!failing) log?.warn({ err: cause }, `the keys of ${name} cannot be read; trying again`)
      failing = true
      notBefore = now() + Math.min(cooldownMs, RETRY_AFTER_FAILURE_MS)
      if (!keys) throw new KeySourceError('the key set could not be fetched', { cause })
    } finally {
      pending = undefined
    }
  }

  /** Returns whether the set was fetched: not within the cooldownMs. */
  async function refresh(): Promise<boolean> {
    if (!pending && now() < notBefore) return false
    pending ??= load()
    await pending
    return true
  }

  const olderThan = (age: number) => now() >= fetchedAt + age
  const tooOldToTrust = () => olderThan(tooOldMs) && !failing

  return {
    async find(header, token) {
      if (!keys || tooOldToTrust()) await refresh()
      else if (olderThan(maxAgeMs)) void refresh()
      if (!keys) throw new KeySourceError('the key set could not be fetched')
      try {
        return await keys(header, token)
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey) || !(await refresh())) throw error
        return await keys(header, token)
      }
    },
    generation() {
      // Remembered tokens never look up a key, so the age of the set is checked here too.
      if (keys && olderThan(maxAgeMs)) void refresh()
      return tooOldToTrust() ? Number.NaN : generation
    },
  }
}

/** Every token is held against all keys of its set. Providers publish a few. */
const MAX_KEYS = 100

/** Drops entries that are no keys, because one broken entry must not invalidate the others. */
function readable(set: JSONWebKeySet): JSONWebKeySet {
  if (!Array.isArray(set?.keys)) return set
  if (set.keys.length > MAX_KEYS) throw new Error(`the set has more than ${MAX_KEYS} keys`)
  return { ...set, keys: set.keys.filter((key) => typeof key === 'object' && key !== null) }
}
