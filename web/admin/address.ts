import { useMemo } from 'preact/hooks'
import { useStore } from '../hooks/use-store.ts'

/** Where the console's screens are. */
const BASE = '/admin'

/** The page's address: its decoded parts below `/admin`, and its query. */
export interface Place {
  parts: readonly string[]
  query: URLSearchParams
}

/**
 * The address of the console's page. What a screen shows is in it, so that it survives a reload, can be shared, and
 * the browser's buttons lead back to it.
 */
class AddressStore {
  readonly #watchers = new Set<() => void>()
  #place: Place = read()

  constructor() {
    addEventListener('popstate', () => this.#changed())
  }

  getSnapshot = (): Place => this.#place

  subscribe = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** @param how `replace` for a change that the browser's back button should not undo */
  go(href: string, how: 'push' | 'replace' = 'push'): void {
    const { href: now, pathname } = location
    const then = new URL(href, now)
    if (then.href === now || how === 'replace') history.replaceState(null, '', then)
    else history.pushState(null, '', then)
    // As the browser does for another page.
    if (then.pathname !== pathname) window.scrollTo(0, 0)
    this.#changed()
  }

  #changed(): void {
    this.#place = read()
    for (const watcher of [...this.#watchers]) watcher()
  }
}

function read(): Place {
  // Links of earlier versions: `/admin#/users/alice`.
  if (location.hash.startsWith('#/')) {
    history.replaceState(null, '', hrefOf(...partsOf(location.hash.slice(1))))
  }
  return {
    parts: partsOf(location.pathname.slice(BASE.length)),
    query: new URLSearchParams(location.search),
  }
}

const partsOf = (path: string): string[] => path.split('/').filter(Boolean).map(decoded)

/** A URL that was cut or typed by hand may not be decodable. It is then used as it is. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** The address of a screen: `hrefOf('users', 'alice')`. */
export const hrefOf = (...parts: string[]): string =>
  `${BASE}/${parts.map((part) => encodeURIComponent(part)).join('/')}`

export const address = new AddressStore()

export const useAddress = (): Place => useStore(address)

/** A screen's state in the query of its address. Each has only texts; an empty one is left out. */
export type QueryState = Readonly<Record<string, string | readonly string[]>>

/**
 * The state of a screen as it is in the address, and a function that changes parts of it.
 * @param defaults the state without a query. A list is a parameter that is repeated. It must not change
 */
export function useQueryState<T extends QueryState>(
  defaults: T,
): [state: T, change: (part: Partial<T>, how?: 'push' | 'replace') => void] {
  const { query } = useAddress()
  const text = String(query)
  // biome-ignore lint/correctness/useExhaustiveDependencies: the same text is the same state
  const state = useMemo(() => {
    const entries = Object.entries(defaults).map(([name, value]) => [
      name,
      typeof value === 'string'
        ? (query.get(name) ?? value)
        : query.has(name)
          ? query.getAll(name)
          : value,
    ])
    return Object.fromEntries(entries) as T
  }, [text])
  const change = (part: Partial<T>, how?: 'push' | 'replace') => {
    const next = new URLSearchParams(location.search)
    for (const [name, value] of Object.entries(part) as [string, string | readonly string[]][]) {
      next.delete(name)
      if (value === defaults[name]) continue
      for (const each of typeof value === 'string' ? [value] : value) next.append(name, each)
    }
    address.go(`${location.pathname}${next.size > 0 ? `?${next}` : ''}`, how)
  }
  return [state, change]
}

/** Follows links between screens without loading the page anew. Returns a function that stops it. */
export function followLinks(root: HTMLElement): () => void {
  const click = (event: MouseEvent) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (!link || event.defaultPrevented || event.button !== 0) return
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    if (link.target || link.download || link.origin !== location.origin) return
    if (link.pathname !== BASE && !link.pathname.startsWith(`${BASE}/`)) return
    event.preventDefault()
    address.go(link.href)
  }
  root.addEventListener('click', click)
  return () => root.removeEventListener('click', click)
}
