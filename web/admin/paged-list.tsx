import type { ComponentChildren } from 'preact'
import { Pager } from '../components/pager.tsx'
import { Failure, Loading } from '../components/states.tsx'
import { type Loaded, useLoaded } from '../hooks/use-loaded.ts'
import type { Api } from '../lib/api.ts'

export const PER_PAGE = 25

export interface ListPage<T> {
  items: T[]
  nextCursor: string | null
}

/**
 * One page of a list.
 * @param starts the cursors of the page and of those before it
 */
export function usePage<T>(
  api: Api,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
  starts: readonly string[],
): Loaded<ListPage<T>> {
  return useLoaded(
    (signal) =>
      api.get<ListPage<T>>(path, { ...query, limit: PER_PAGE, cursor: starts.at(-1) }, signal),
    [api, path, JSON.stringify(query), starts],
  )
}

interface PagedListProps<T> {
  /** The name of the list, for screen readers. */
  label: string
  page: Loaded<ListPage<T>>
  starts: readonly string[]
  turn: (starts: string[]) => void
  /** What is read, and what stands where nothing is found. */
  reading: string
  empty: ComponentChildren
  /** The texts of the pager. */
  back?: string
  forward?: string
  filters?: ComponentChildren
  children: (items: T[]) => ComponentChildren
}

/** A card with a list: its filters, what is wrong, its rows and its pages. */
export function PagedList<T>(props: PagedListProps<T>) {
  const { label, page, starts, turn, reading, empty, filters, children } = props
  const { back = 'Newer', forward = 'Older' } = props
  const { items = [], nextCursor = null } = page.value ?? {}
  return (
    <section class="card" aria-label={label}>
      {filters}
      {page.problem !== undefined && <Failure problem={page.problem} retry={page.reload} />}
      {!page.value && page.loading && <Loading what={reading} />}
      {page.value && items.length === 0 && empty}
      {items.length > 0 && children(items)}
      <Pager
        label={`Pages: ${label}`}
        starts={starts}
        nextCursor={nextCursor}
        loading={page.loading}
        back={back}
        forward={forward}
        onTurn={turn}
      />
    </section>
  )
}
