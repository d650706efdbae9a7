import { type BalanceClient, createBalanceClient } from './client.ts'
import type { BalanceClientOptions } from './options.ts'

/** The options as they are now: a component may bring a new `getToken` at every rendering. */
export type CurrentOptions = () => BalanceClientOptions

interface Entry {
  client: BalanceClient
  users: CurrentOptions[]
}

/** One client for all who ask for it by the same key, for as long as there is one of them. */
export class SharedClients {
  readonly #entries = new Map<string, Entry>()

  peek(key: string): BalanceClient | undefined {
    return this.#entries.get(key)?.client
  }

  /** Call `release` with the same arguments once it is no longer used. */
  acquire(key: string, options: CurrentOptions): BalanceClient {
    let entry = this.#entries.get(key)
    if (!entry) {
      const users: CurrentOptions[] = []
      entry = { client: createBalanceClient(withLatestToken(options(), users)), users }
      this.#entries.set(key, entry)
    }
    entry.users.push(options)
    return entry.client
  }

  release(key: string, options: CurrentOptions): void {
    const entry = this.#entries.get(key)
    if (!entry) return
    entry.users.splice(entry.users.lastIndexOf(options), 1)
    if (entry.users.length > 0) return
    // React's StrictMode, and a change of pages, let go of it and take it again at once.
    setTimeout(() => {
      if (entry.users.length > 0 || this.#entries.get(key) !== entry) return
      this.#entries.delete(key)
      entry.client.close()
    })
  }
}

function withLatestToken(
  options: BalanceClientOptions,
  users: readonly CurrentOptions[],
): BalanceClientOptions {
  const { getToken } = options
  if (!getToken) return options
  return { ...options, getToken: () => (users.at(-1)?.().getToken ?? getToken)() }
}
