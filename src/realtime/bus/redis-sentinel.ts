import { Redis } from 'ioredis'
import type { RedisTarget } from '../../config/redis-address.ts'

type SentinelTarget = Extract<RedisTarget, { kind: 'sentinel' }>

/** How a Sentinel says that it does not know the name. */
const UNKNOWN = /No such master|invalid reply/i
const REFUSED_LOGIN = /\b(WRONGPASS|NOAUTH|NOPERM|no password is set)\b/

/**
 * Finds out why no Sentinel named the primary. ioredis reports the answer of each one by an event, and then
 * one error for all of them, in words only.
 */
export class SentinelErrors {
  #code: 'SENTINEL_DOWN' | 'SENTINEL_AUTH' | 'SENTINEL_UNKNOWN' = 'SENTINEL_DOWN'
  #words = ''

  /** One Sentinel did not name the primary. */
  add({ message }: Error): void {
    // The answer of a Sentinel says more than the silence of others.
    if (UNKNOWN.test(message)) this.#code = 'SENTINEL_UNKNOWN'
    else if (REFUSED_LOGIN.test(message)) this.#code = 'SENTINEL_AUTH'
    else if (this.#code !== 'SENTINEL_DOWN') return
    this.#words = message
  }

  /** @returns the error itself if it is not about the Sentinels */
  explain(error: Error): Error {
    if (!error.message.startsWith('All sentinels are unreachable')) return error
    const explained = Object.assign(new Error(this.#words || error.message), { code: this.#code })
    this.#code = 'SENTINEL_DOWN'
    this.#words = ''
    return explained
  }
}

const SWITCHED = '+switch-master'

/**
 * Calls `onSwitch` when a Sentinel has made another server the primary. The old one may still answer, and take
 * writes that nobody else sees.
 * @returns stops watching
 */
export function watchFailovers(target: SentinelTarget, onSwitch: () => void): () => void {
  const { sentinels, masterName, sentinelLogin, sentinelTls } = target
  const watchers = sentinels.map((sentinel) => {
    const watcher = new Redis({
      ...sentinel,
      ...(sentinelLogin.username !== undefined && { username: sentinelLogin.username }),
      ...(sentinelLogin.password !== undefined && { password: sentinelLogin.password }),
      ...(sentinelTls && { tls: sentinelTls }),
      connectTimeout: 2000,
      disconnectTimeout: 500,
      retryStrategy: (attempt) => Math.min(5000, 250 * 2 ** attempt),
      enableReadyCheck: false,
      disableClientInfo: true,
      autoResubscribe: false,
      maxRetriesPerRequest: null,
      connectionName: 'livebalance-failover',
    })
    // The connections to the primary report that Sentinels are unreachable.
    watcher.on('error', () => {})
    watcher.on('ready', () => void watcher.subscribe(SWITCHED).catch(() => {}))
    watcher.on('message', (_, text: string) => {
      if (text.startsWith(`${masterName} `)) onSwitch()
    })
    return watcher
  })
  return () => {
    for (const watcher of watchers) watcher.disconnect()
  }
}
