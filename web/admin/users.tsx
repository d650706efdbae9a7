import { Pager } from '../components/pager.tsx'
import { Empty, Failure, Loading } from '../components/states.tsx'
import { useLoaded } from '../hooks/use-loaded.ts'
import { formatMoney } from '../lib/money.ts'
import { fullTime, shortTime } from '../lib/time.ts'
import { hrefOf, useQueryState } from './address.ts'
import { SearchField } from './filters.tsx'
import type { ScreenProps } from './screens.ts'
import { type Holding, shownOf, type WalletPage } from './wallet-summary.ts'

const PER_PAGE = 25
const EVERYONE = { search: '', page: [] as readonly string[] }

export function Users({ api }: ScreenProps) {
  const [{ search, page: starts }, change] = useQueryState(EVERYONE)
  const page = useLoaded(
    (signal) =>
      api.get<WalletPage>(
        '/admin/wallets',
        { search, limit: PER_PAGE, cursor: starts.at(-1) },
        signal,
      ),
    [search, starts],
  )
  const { items = [], nextCursor = null } = page.value ?? {}

  return (
    <>
      <div class="title-row">
        <h1>Users</h1>
      </div>
      <section class="card" aria-label="Users">
        <SearchField
          label="Search"
          hint="a part of the user id"
          value={search}
          change={(search) => change({ search, page: [] }, 'replace')}
        />
        {page.problem !== undefined && <Failure problem={page.problem} retry={page.reload} />}
        {!page.value && page.loading && <Loading what="Reading the users" />}
        {page.value && items.length === 0 && (
          <Empty title={search ? 'No user found' : 'No users yet'}>
            {search
              ? 'No user id contains this text.'
              : 'A user appears here once they have signed in for the first time.'}
          </Empty>
        )}
        {items.length > 0 && (
          <table class="table folds">
            <thead>
              <tr>
                <th scope="col">User</th>
                <th scope="col">Last change</th>
                <th scope="col" class="right">
                  Available
                </th>
                <th scope="col" class="right">
                  Balance
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map(({ userId, currency, balances, updatedAt }) => (
                <tr key={userId}>
                  <td class="lead-cell breakable">
                    <a class="pick" href={hrefOf('users', userId)}>
                      <bdi>{userId}</bdi>
                    </a>
                  </td>
                  <td class="when-cell soft small">
                    <time dateTime={updatedAt} title={fullTime(updatedAt)}>
                      {shortTime(updatedAt)}
                    </time>
                  </td>
                  <td class="right money soft" data-label="Available">
                    <Amounts of={shownOf(balances, currency)} part="available" />
                  </td>
                  <td class="right money amount-cell">
                    <Amounts of={shownOf(balances, currency)} part="balance" />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        <Pager
          label="Pages of users"
          starts={starts}
          nextCursor={nextCursor}
          loading={page.loading}
          back="Back"
          forward="More"
          onTurn={(page) => change({ page })}
        />
      </section>
    </>
  )
}

/** One line for each currency. */
function Amounts({ of, part }: { of: readonly Holding[]; part: 'available' | 'balance' }) {
  return (
    <>
      {of.map((holding) => (
        <span key={holding.currency} class="amounts">
          {formatMoney(holding[part], holding.currency)}
        </span>
      ))}
    </>
  )
}
