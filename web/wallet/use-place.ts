import { useCallback, useEffect, useState } from 'preact/hooks'
import { CURRENCIES } from '../../src/lib/currencies.ts'

/** The sections of the wallet. `receipt` shows one transaction. */
export const VIEWS = [
  'overview',
  'send',
  'withdraw',
  'holds',
  'alerts',
  'settings',
  'receipt',
] as const
export type View = (typeof VIEWS)[number]

/** Where the reader is. The address has it, so that a reload and the browser's buttons keep it. */
export interface Place {
  view: View
  /** The id of the transaction that `receipt` shows. */
  id?: string | undefined
  /** The currency that the page shows. */
  currency?: string | undefined
}

export function placeIn(search: string): Place {
  const query = new URLSearchParams(search)
  const view = VIEWS.find((view) => view === query.get('view')) ?? 'overview'
  const currency = query.get('currency') ?? ''
  return {
    view,
    id: query.get('id') ?? undefined,
    currency: CURRENCIES.has(currency) ? currency : undefined,
  }
}

/** The address of a place, relative to the page. */
export function addressOf({ view, id, currency }: Place): string {
  const query = new URLSearchParams()
  if (view !== 'overview') query.set('view', view)
  if (view === 'receipt' && id) query.set('id', id)
  if (currency) query.set('currency', currency)
  const text = query.toString()
  return text ? `?${text}` : location.pathname
}

export interface Route extends Place {
  /** A new entry in the browser's history. */
  go(place: Partial<Place>): void
  /** The same entry. */
  replace(place: Partial<Place>): void
}

export function usePlace(): Route {
  const [place, setPlace] = useState(() => placeIn(location.search))
  useEffect(() => {
    const read = () => setPlace(placeIn(location.search))
    addEventListener('popstate', read)
    return () => removeEventListener('popstate', read)
  }, [])
  const change = useCallback((part: Partial<Place>, how: 'pushState' | 'replaceState') => {
    const next = { ...placeIn(location.search), ...part }
    history[how](null, '', addressOf(next))
    setPlace(next)
  }, [])
  return {
    ...place,
    go: useCallback((part) => change(part, 'pushState'), [change]),
    replace: useCallback((part) => change(part, 'replaceState'), [change]),
  }
}
