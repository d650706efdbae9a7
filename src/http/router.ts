import type { Result, Router } from 'hono/router'
import { TrieRouter } from 'hono/router/trie-router'

/**
 * Finds a path without parameters by one lookup in a map. Hono's regular-expression router cannot hold
 * `/transactions/:id` beside `/transactions/topup`, and walking the tree costs a microsecond a request.
 */
export class FixedPathRouter<T> implements Router<T> {
  readonly name = 'FixedPathRouter'
  readonly #tree = new TrieRouter<T>()
  readonly #fixed = new Set<string>()
  /** Results of the tree by method and path. Only registered paths get in, so it cannot grow without bound. */
  readonly #found = new Map<string, Map<string, Result<T>>>()

  add(method: string, path: string, handler: T): void {
    this.#tree.add(method, path, handler)
    if (!/[:*]/.test(path)) this.#fixed.add(path)
    this.#found.clear()
  }

  match(method: string, path: string): Result<T> {
    const known = this.#found.get(method)?.get(path)
    if (known) return known
    const result = this.#tree.match(method, path)
    if (this.#fixed.has(path) && CACHED_METHODS.has(method)) {
      const paths = this.#found.get(method) ?? new Map<string, Result<T>>()
      this.#found.set(method, paths.set(path, result))
    }
    return result
  }
}

/** A client can invent methods, so only these are cached. */
const CACHED_METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])
