import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { ConfirmDialog } from '../components/dialog.tsx'
import { Empty } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { formatMoney } from '../lib/money.ts'
import { fullTime, shortTime } from '../lib/time.ts'
import { hrefOf, useQueryState } from './address.ts'
import { Filters, SearchFilter } from './filters.tsx'
import { PagedList, usePage } from './paged-list.tsx'
import type { ScreenProps } from './screens.ts'

const ALL = { search: '', page: [] as readonly string[] }

interface Monitor {
  id: string
  userId: string
  currency: string
  threshold: number
  direction: 'below' | 'above'
  balance: number
  createdAt: string
}

/** Which balances are watched, for whom, and where they are now. */
export function Monitors({ api }: ScreenProps) {
  const [{ page: starts, search }, change] = useQueryState(ALL)
  const page = usePage<Monitor>(api, '/admin/monitors', { search }, starts)
  const [asking, setAsking] = useState<Monitor>()
  const remove = useAction(async ({ id, userId }: Monitor) => {
    await api.delete(`/transactions/monitors/${id}`, { userId })
    setAsking(undefined)
    page.reload()
  })
  return (
    <>
      <div class="title-row">
        <div>
          <h1>Balance alerts</h1>
          <p class="soft">A user’s clients are told when the balance crosses the amount.</p>
        </div>
      </div>
      <PagedList
        label="Balance alerts"
        page={page}
        starts={starts}
        turn={(page) => change({ page })}
        reading="Reading the alerts"
        back="Back"
        forward="More"
        empty={
          <Empty title={search ? 'No user found' : 'No balance is watched'}>
            {search ? 'No user with an alert has this text in the id.' : 'Users set alerts.'}
          </Empty>
        }
        filters={
          <Filters label="Filter the alerts">
            <SearchFilter
              label="User"
              value={search}
              change={(search) => change({ search, page: [] }, 'replace')}
            />
          </Filters>
        }
      >
        {(items) => (
          <table class="table folds">
            <thead>
              <tr>
                <th scope="col">Set</th>
                <th scope="col">User</th>
                <th scope="col">Alert</th>
                <th scope="col" class="right">
                  Balance now
                </th>
                <th scope="col">
                  <span class="sr-only">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((monitor) => (
                <Row key={monitor.id} monitor={monitor} remove={() => setAsking(monitor)} />
              ))}
            </tbody>
          </table>
        )}
      </PagedList>
      {asking && (
        <ConfirmDialog
          title="Remove the alert?"
          verb="Remove"
          action={remove}
          onClose={() => setAsking(undefined)}
          onSubmit={() => void remove.run(asking)}
        >
          {`${asking.userId} is no longer told ${nameOf(asking)}.`}
        </ConfirmDialog>
      )}
    </>
  )
}

function Row({ monitor, remove }: { monitor: Monitor; remove: () => void }) {
  const { userId, currency, threshold, direction, balance, createdAt } = monitor
  const isPast = direction === 'below' ? balance < threshold : balance > threshold
  return (
    <tr>
      <td class="when-cell soft small">
        <time dateTime={createdAt} title={fullTime(createdAt)}>
          {shortTime(createdAt)}
        </time>
      </td>
      <td class="lead-cell breakable">
        <a class="pick" href={hrefOf('users', userId)}>
          <bdi>{userId}</bdi>
        </a>
      </td>
      <td class="status-cell">
        <span class={`chip ${isPast ? 'wait' : ''}`}>{nameOf(monitor)}</span>
      </td>
      <td class="right money amount-cell">{formatMoney(balance, currency)}</td>
      <td class="right row-actions">
        <Button
          kind="quiet compact"
          label={`Remove the alert of ${userId} ${nameOf(monitor)}`}
          onClick={remove}
        >
          Remove
        </Button>
      </td>
    </tr>
  )
}

const nameOf = ({ direction, threshold, currency }: Monitor) =>
  `${direction} ${formatMoney(threshold, currency)}`
