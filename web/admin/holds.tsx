import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { ConfirmDialog } from '../components/dialog.tsx'
import { Empty } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useIdempotencyKey } from '../hooks/use-idempotency-key.ts'
import type { Api } from '../lib/api.ts'
import { formatMoney } from '../lib/money.ts'
import { ago, fullTime, until } from '../lib/time.ts'
import { stillHeld, type Transaction } from '../lib/transaction.ts'
import { hrefOf, useQueryState } from './address.ts'
import { ChoiceFilter, Filters, SearchFilter } from './filters.tsx'
import { PagedList, usePage } from './paged-list.tsx'
import type { ScreenProps } from './screens.ts'

const ALL = { userId: '', order: '', page: [] as readonly string[] }

type Asking = { to: 'capture' | 'void'; hold: Transaction }

/** The money that is held now, with its age and its end. */
export function Holds({ api, roles }: ScreenProps) {
  const [{ page: starts, userId, order }, change] = useQueryState(ALL)
  const query = { type: 'hold', status: 'pending', userId, order: order || 'asc' }
  const page = usePage<Transaction>(api, '/transactions/all', query, starts)
  const [asking, setAsking] = useState<Asking>()
  // The ledger lets a service end a hold, and the user who opened it.
  const mayEnd = roles.includes('service')
  const close = () => setAsking(undefined)
  return (
    <>
      <div class="title-row">
        <div>
          <h1>Holds</h1>
          <p class="soft">
            Money that is set aside.{' '}
            {mayEnd
              ? 'It is charged, freed, or expires.'
              : 'The user or a service captures or voids it, or it expires.'}
          </p>
        </div>
      </div>
      <PagedList
        label="Open holds"
        page={page}
        starts={starts}
        turn={(page) => change({ page })}
        reading="Reading the holds"
        back="Back"
        forward="More"
        empty={
          <Empty title={userId ? 'This user has no open hold' : 'Nothing is held'}>
            {userId ? 'Check the whole id.' : 'A hold appears here until it is captured or ends.'}
          </Empty>
        }
        filters={
          <Filters label="Filter the holds">
            <SearchFilter
              label="User (the whole id)"
              value={userId}
              change={(userId) => change({ userId, page: [] }, 'replace')}
            />
            <ChoiceFilter
              label="Order"
              all="Oldest first"
              value={order}
              options={[['desc', 'Newest first']]}
              change={(order) => change({ order, page: [] }, 'replace')}
            />
          </Filters>
        }
      >
        {(items) => (
          <Rows items={items} ask={mayEnd ? (to, hold) => setAsking({ to, hold }) : undefined} />
        )}
      </PagedList>
      {asking && (
        <EndDialog
          api={api}
          {...asking}
          close={close}
          done={() => {
            close()
            page.reload()
          }}
        />
      )}
    </>
  )
}

interface RowsProps {
  items: readonly Transaction[]
  ask: ((to: Asking['to'], hold: Transaction) => void) | undefined
}

function Rows({ items, ask }: RowsProps) {
  return (
    <table class="table folds">
      <thead>
        <tr>
          <th scope="col">Opened</th>
          <th scope="col">User</th>
          <th scope="col">Expires</th>
          <th scope="col" class="right">
            Held
          </th>
          {ask && (
            <th scope="col">
              <span class="sr-only">Actions</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {items.map((hold) => {
          const { id, userId, createdAt, expiresAt, description, capturedAmount, currency } = hold
          return (
            <tr key={id}>
              <td class="when-cell soft small">
                <a href={hrefOf('transactions', id)} title={fullTime(createdAt)}>
                  <time dateTime={createdAt}>{ago(createdAt)}</time>
                </a>
              </td>
              <td class="lead-cell breakable">
                <a class="pick" href={hrefOf('users', userId)}>
                  <bdi>{userId}</bdi>
                </a>
                {description && <span class="note">{description}</span>}
              </td>
              <td class="status-cell soft small">
                {expiresAt ? (
                  <time dateTime={expiresAt} title={fullTime(expiresAt)}>
                    {until(expiresAt)}
                  </time>
                ) : (
                  'Never'
                )}
              </td>
              <td class="right money amount-cell">
                {restOf(hold)}
                {capturedAmount !== undefined && Number(capturedAmount) > 0 && (
                  <span class="note">{formatMoney(capturedAmount, currency)} captured</span>
                )}
              </td>
              {ask && (
                <td class="right row-actions">
                  <span class="actions">
                    <Button
                      kind="quiet compact"
                      label={`Capture ${restOf(hold)} of ${userId}`}
                      onClick={() => ask('capture', hold)}
                    >
                      Capture
                    </Button>
                    <Button
                      kind="quiet compact"
                      label={`Void ${restOf(hold)} of ${userId}`}
                      onClick={() => ask('void', hold)}
                    >
                      Void
                    </Button>
                  </span>
                </td>
              )}
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}

const restOf = (hold: Transaction) => formatMoney(stillHeld(hold), hold.currency)

interface EndDialogProps extends Asking {
  api: Api
  close: () => void
  done: () => void
}

function EndDialog({ api, to, hold, close, done }: EndDialogProps) {
  const keys = useIdempotencyKey()
  const action = useAction(() => api.post(`/transactions/hold/${hold.id}/${to}`, {}, keys.for({})))
  const isCapture = to === 'capture'
  return (
    <ConfirmDialog
      title={isCapture ? 'Capture the hold?' : 'Void the hold?'}
      verb={isCapture ? 'Capture' : 'Void'}
      action={action}
      onClose={close}
      onSubmit={async () => {
        if (await action.run()) done()
      }}
    >
      {isCapture
        ? `${hold.userId} pays ${restOf(hold)}.`
        : `${hold.userId} can spend ${restOf(hold)} again.`}
    </ConfirmDialog>
  )
}
