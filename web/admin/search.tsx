import { Button } from '../components/button.tsx'
import { StatementRows } from '../components/statement-rows.tsx'
import { Empty, Failure, Loading } from '../components/states.tsx'
import { useLoaded } from '../hooks/use-loaded.ts'
import { fullTime } from '../lib/time.ts'
import type { Transaction } from '../lib/transaction.ts'
import { hrefOf, useQueryState } from './address.ts'
import type { ScreenProps } from './screens.ts'

const NOTHING = { q: '', page: [] as readonly string[] }

interface Found {
  userId: string | null
  items: Transaction[]
  nextCursor: string | null
  searchedTo: string | null
}

/** What the search box of the masthead finds. */
export function Search({ api }: ScreenProps) {
  const [{ q, page: starts }, change] = useQueryState(NOTHING)
  const page = useLoaded(
    async (signal) =>
      q === ''
        ? undefined
        : api.get<Found>('/admin/search', { q, limit: 25, cursor: starts.at(-1) }, signal),
    [q, starts],
  )
  const { userId = null, items = [], nextCursor = null, searchedTo = null } = page.value ?? {}
  const nothing = page.value && items.length === 0 && userId === null
  return (
    <>
      <div class="title-row">
        <div>
          <h1>Search</h1>
          <p class="soft">
            A user id, a reference, the beginning of an id, an amount such as 12.50 EUR, or a part
            of a description or of notes.
          </p>
        </div>
      </div>
      <section class="card" aria-label="Results">
        {q === '' && <Empty title="What do you look for?">Type it into the box above.</Empty>}
        {page.problem !== undefined && <Failure problem={page.problem} retry={page.reload} />}
        {q !== '' && !page.value && page.loading && <Loading what="Searching" />}
        {userId !== null && (
          <p>
            User{' '}
            <a href={hrefOf('users', userId)}>
              <bdi>{userId}</bdi>
            </a>
          </p>
        )}
        {nothing && (
          <Empty title="Nothing found">
            {nextCursor === null
              ? 'Everything was looked at.'
              : 'Not here. It may be further back.'}
          </Empty>
        )}
        {items.length > 0 && (
          <div class={page.loading ? 'busy' : ''}>
            <StatementRows
              items={items}
              mixed
              hrefOf={({ id }) => hrefOf('transactions', id)}
              actions={(item) => (
                <a href={hrefOf('users', item.userId)}>
                  <bdi>{item.userId}</bdi>
                </a>
              )}
            />
          </div>
        )}
        {page.value && (
          <div class="pager">
            {starts.length > 0 && (
              <Button kind="quiet compact" onClick={() => change({ page: starts.slice(0, -1) })}>
                Back
              </Button>
            )}
            <span class="small soft" role="status">
              {searchedTo === null
                ? 'Everything was looked at.'
                : `Back to ${fullTime(searchedTo)}`}
            </span>
            {nextCursor !== null && (
              <Button
                kind="quiet compact"
                idle={page.loading}
                onClick={() => change({ page: [...starts, nextCursor] })}
              >
                Search further back
              </Button>
            )}
          </div>
        )}
      </section>
    </>
  )
}
