import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { ConfirmDialog, Dialog } from '../components/dialog.tsx'
import { CurrencyField, SelectField, TextField } from '../components/fields.tsx'
import { Empty } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import type { Api } from '../lib/api.ts'
import { formatMoney } from '../lib/money.ts'
import { fullTime, span, until } from '../lib/time.ts'
import { typeName } from '../lib/transaction.ts'
import { hrefOf, useQueryState } from './address.ts'
import { Filters, SearchFilter } from './filters.tsx'
import { PagedList, usePage } from './paged-list.tsx'
import type { ScreenProps } from './screens.ts'
import { LIMITED_TYPES, type LimitForm, limitIn, NEW_LIMIT, type Wrong } from './tenant.ts'
import { WINDOWS } from './tenant-limits.tsx'

const ALL = { search: '', page: [] as readonly string[] }

interface Limit {
  userId: string
  type: string
  currency: string
  maxAmount: number | null
  maxSum: number | null
  windowSeconds: number | null
  used: number | null
  freesAmount: number | null
  freesAt: string | null
}

/** Who has which spending limit, and how much of it is used. */
export function Limits({ api, currency }: ScreenProps) {
  const [{ page: starts, search }, change] = useQueryState(ALL)
  const page = usePage<Limit>(api, '/admin/limits', { search }, starts)
  const [asking, setAsking] = useState<'new' | Limit>()
  const dialog = {
    api,
    close: () => setAsking(undefined),
    done() {
      setAsking(undefined)
      page.reload()
    },
  }
  return (
    <>
      <div class="title-row">
        <div>
          <h1>Spending limits</h1>
          <p class="soft">Of single users. Those of everyone are settings of the tenant.</p>
        </div>
        <Button kind="compact" onClick={() => setAsking('new')}>
          Set a limit
        </Button>
      </div>
      <PagedList
        label="Spending limits"
        page={page}
        starts={starts}
        turn={(page) => change({ page })}
        reading="Reading the limits"
        back="Back"
        forward="More"
        empty={
          <Empty title={search ? 'No user found' : 'Nobody has a limit of their own'}>
            {search ? 'No user with a limit has this text in the id.' : 'Set one for a user.'}
          </Empty>
        }
        filters={
          <Filters label="Filter the limits">
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
                <th scope="col">On</th>
                <th scope="col">User</th>
                <th scope="col" class="right">
                  At once
                </th>
                <th scope="col" class="right">
                  Used
                </th>
                <th scope="col">
                  <span class="sr-only">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((limit) => (
                <Row
                  key={`${limit.userId} ${limit.type} ${limit.currency}`}
                  limit={limit}
                  remove={() => setAsking(limit)}
                />
              ))}
            </tbody>
          </table>
        )}
      </PagedList>
      {asking === 'new' && <LimitDialog {...dialog} currency={currency} />}
      {typeof asking === 'object' && <RemoveDialog {...dialog} limit={asking} />}
    </>
  )
}

function Row({ limit, remove }: { limit: Limit; remove: () => void }) {
  const { userId, type, currency, maxAmount, maxSum, windowSeconds, used, freesAmount, freesAt } =
    limit
  return (
    <tr>
      <td class="when-cell soft small">
        {typeName(type)}, {currency}
      </td>
      <td class="lead-cell breakable">
        <a class="pick" href={hrefOf('users', userId)}>
          <bdi>{userId}</bdi>
        </a>
      </td>
      <td class="right money" data-label="At once">
        {maxAmount === null ? '' : formatMoney(maxAmount, currency)}
      </td>
      <td class="right money amount-cell">
        {maxSum !== null && (
          <>
            {formatMoney(used ?? 0, currency)} of {formatMoney(maxSum, currency)}
            <span class="note">within {span(windowSeconds ?? 0)}</span>
            {freesAt !== null && freesAmount !== null && (
              <span class="note" title={fullTime(freesAt)}>
                {formatMoney(freesAmount, currency)} is free again {until(freesAt)}
              </span>
            )}
          </>
        )}
      </td>
      <td class="right row-actions">
        <Button
          kind="quiet compact"
          label={`Remove the limit of ${userId} on ${typeName(type)}, ${currency}`}
          onClick={remove}
        >
          Remove
        </Button>
      </td>
    </tr>
  )
}

interface DialogProps {
  api: Api
  close: () => void
  done: () => void
}

function LimitDialog({ api, currency, close, done }: DialogProps & { currency: string }) {
  const [userId, setUserId] = useState('')
  const [form, setForm] = useState<LimitForm>({ ...NEW_LIMIT, currency })
  const [wrong, setWrong] = useState<Wrong>({})
  const set = (part: Partial<LimitForm>) => {
    setWrong({})
    setForm((form) => ({ ...form, ...part }))
  }
  const save = useAction(async () => {
    const found: Record<string, string> = {}
    const limit = limitIn(form, 'limit', found)
    if (userId.trim() === '') found.user = 'Enter the id of the user.'
    setWrong(found)
    if (Object.keys(found).length > 0) return
    await api.put('/transactions/limits', { userId: userId.trim(), ...limit })
    done()
  })
  return (
    <Dialog
      title="Set a spending limit"
      verb="Set it"
      action={save}
      onSubmit={() => void save.run()}
      onClose={close}
    >
      <TextField
        label="User"
        value={userId}
        maxLength={255}
        wrong={wrong.user}
        onInput={(text) => {
          setWrong({})
          setUserId(text)
        }}
      />
      <SelectField
        label="On"
        options={LIMITED_TYPES}
        value={form.type}
        onChange={(type) => set({ type })}
      />
      <CurrencyField
        label="Currency"
        value={form.currency}
        onChange={(currency) => set({ currency })}
      />
      <TextField
        label="Most at once"
        value={form.maxAmount}
        wrong={wrong['limit.maxAmount']}
        onInput={(maxAmount) => set({ maxAmount })}
      />
      <TextField
        label="Most together"
        value={form.maxSum}
        wrong={wrong['limit.maxSum']}
        onInput={(maxSum) => set({ maxSum })}
      />
      <SelectField
        label="Together within"
        options={WINDOWS.map((seconds) => [seconds, span(Number(seconds))])}
        value={form.windowSeconds}
        onChange={(windowSeconds) => set({ windowSeconds })}
      />
      <p class="small soft">It replaces the user’s limit on the same type and currency.</p>
    </Dialog>
  )
}

function RemoveDialog({ api, limit, close, done }: DialogProps & { limit: Limit }) {
  const { userId, type, currency } = limit
  const action = useAction(() => api.delete('/transactions/limits', { userId, type, currency }))
  return (
    <ConfirmDialog
      title="Remove the limit?"
      verb="Remove"
      action={action}
      onClose={close}
      onSubmit={async () => {
        if (await action.run()) done()
      }}
    >
      {`${typeName(type)} of ${userId} in ${currency} has then only the limits of the tenant.`}
    </ConfirmDialog>
  )
}
