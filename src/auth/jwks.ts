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
  /** The key that signed this token. Throws `JWKSNoMatchingKey`, or `KeySourceError` while no key is known at all. */
  find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey>
  /**
   * Grows when the set of keys has changed: what an older set vouched for no longer counts. NaN, which equals
   * nothing, while the set is so old that a token has to wait for a newer one.
   */
  generation(): number
}

/** No key of the set is known, and none can be fetched: an outage, and no fault of the token. */
export class KeySourceError extends Error {
  override readonly name = 'KeySourceError'
}

export interface PublishedKeysOptions {
  url: string
  /** Milliseconds that a fetched set stands before it is asked for again. Default 10 minutes. */
  maxAge?: number
  /** Milliseconds after which a token waits for a newer set, unless none was to be had. Default twice `maxAge`. */
  tooOld?: number
  /** Least milliseconds between two requests, whatever comes in. Default 30 s, and 5 s after a failure. */
  cooldown?: number
  now?: () => number
  /** Is told when the set cannot be read any more, and when it can again. Default: nobody. */
  log?: Logger | undefined
}

const FETCH_TIMEOUT = 5000
const RETRY_AFTER_FAILURE = 5000

/**
 * A JWK set that is fetched, kept and rotated: an unknown `kid` asks for it again, at a bounded rate that a
 * flood of forged tokens cannot raise. While the source is away, or hangs, the last known keys stand, and
 * no token that they vouch for waits for it.
 */
export function createPublishedKeys(options: PublishedKeysOptions): PublishedKeys {
  const { url, maxAge = 600_000, cooldown = 30_000, now = () => performance.now(), log } = options
  const { tooOld = 2 * maxAge } = options
  let keys: ReturnType<typeof createLocalJWKSet> | undefined
  let text = ''
  let generation = 0
  let notBefore = 0
  let fetchedAt = 0
  let failing = false
  let pending: Promise<void> | undefined

  async function load(): Promise<void> {
    try {
      const signal = AbortSignal.timeout(FETCH_TIMEOUT)
      const response = await fetch(url, { signal, redirect: 'error' })
      if (response.status !== 200) throw new Error(`answered ${response.status}`)
      const set = (await response.json()) as JSONWebKeySet
      const next = createLocalJWKSet(readable(set))
      const canonical = JSON.stringify(set)
      if (canonical !== text) generation++
      keys = next
      text = canonical
      fetchedAt = now()
      if (failing) log?.info('the keys of JWT_JWKS_URL can be read again')
      failing = false
      notBefore = fetchedAt + cooldown
    } catch (cause) {
      if (!failing)
        log?.warn({ err: cause }, 'the keys of JWT_JWKS_URL cannot be read; trying again')
      failing = true
      notBefore = now() + Math.min(cooldown, RETRY_AFTER_FAILURE)
      if (!keys) throw new KeySourceError('the key set could not be fetched', { cause })
    } finally {
      pending = undefined
    }
  }

  /** Says whether a request was made: none is within the cooldown. */
  async function refresh(): Promise<boolean> {
    if (!pending && now() < notBefore) return false
    pending ??= load()
    await pending
    return true
  }

  const olderThan = (age: number) => now() >= fetchedAt + age
  const tooOldToTrust = () => olderThan(tooOld) && !failing

  return {
    async find(header, token) {
      if (!keys || tooOldToTrust()) await refresh()
      else if (olderThan(maxAge)) void refresh()
      if (!keys) throw new KeySourceError('the key set could not be fetched')
      try {
        return await keys(header, token)
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey) || !(await refresh())) throw error
        return await keys(header, token)
      }
    },
    generation() {
      // Remembered tokens never look a key up, so their reading must notice old age too.
      if (keys && olderThan(maxAge)) void refresh()
      return tooOldToTrust() ? Number.NaN : generation
    },
  }
}

/** Without what is no key at all: one broken entry must not take the others with it. */
function readable(set: JSONWebKeySet): JSONWebKeySet {
  if (!Array.isArray(set?.keys)) return set
  return { ...set, keys: set.keys.filter((key) => typeof key === 'object' && key !== null) }
}
