import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { TextField } from '../components/fields.tsx'
import { Failure } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useIdempotencyKey } from '../hooks/use-idempotency-key.ts'
import type { Api } from '../lib/api.ts'
import { formatMoney, subtract } from '../lib/money.ts'
import { ago, fullTime } from '../lib/time.ts'
import { hrefOf } from './address.ts'
import { useFollowed } from './feed.ts'

/** What a payment provider reported, and the ledger did not apply by itself. */
interface ProviderEvent {
  id: string
  provider: string
  kind: string
  paymentId: string
  topupId: string | null
  userId: string | null
  amount: number | null
  currency: string | null
  reason: string | null
  detail: string | null
  receivedAt: string
}

/** What a refund or a dispute could not take from a wallet. */
interface Debt {
  id: string
  userId: string
  currency: string
  amount: number
  collected: number
  cause: 'refund' | 'dispute'
  createdAt: string
}

interface CasesProps {
  api: Api
  /** The signed-in admin. */
  admin: string
}

const POLL_INTERVAL_MS = 5_000
const SHOWN = 100

const KINDS: Record<string, string> = {
  succeeded: 'Payment',
  failed: 'Failed payment',
  attempt_failed: 'Failed attempt',
  refunded: 'Refund',
  refund_failed: 'Failed refund',
  disputed: 'Dispute',
  dispute_won: 'Dispute won',
  dispute_lost: 'Dispute lost',
}

const REASONS: Record<string, string> = {
  amount_mismatch: 'Another amount was paid than was asked for.',
  currency_mismatch: 'It was paid in another currency than was asked for.',
  topup_cancelled: 'The topup was cancelled before.',
  topup_failed: 'The topup was rejected before.',
  topup_success: 'The topup was settled before, so it may be paid twice.',
  topup_unknown: 'There is no such topup.',
  payment_of_other_topup: 'The payment belongs to another topup.',
  not_credited: 'The money that is taken back was never credited by a payment.',
  refund_exceeds_payment: 'More was given back than was paid.',
  refund_failed: 'Money that was given back came back.',
  balance_limit_exceeded: 'The balance would be larger than a wallet can hold.',
  self_approval: 'An admin cannot decide about their own topup.',
  wallet_frozen: 'The wallet is frozen.',
}

/** What payment providers reported and an admin has to decide, and the debts. Shows nothing if there is none. */
export function ProviderCases({ api, admin }: CasesProps) {
  const cases = useFollowed(
    async (signal) => {
      const [events, debts] = await Promise.all([
        api.get<{ items: ProviderEvent[] }>('/admin/provider-events', { limit: SHOWN }, signal),
        api.get<{ items: Debt[] }>('/admin/debts', { limit: SHOWN }, signal),
      ])
      return { events: events.items, debts: debts.items }
    },
    [api],
    'cases',
    POLL_INTERVAL_MS,
  )
  const [resolving, setResolving] = useState<ProviderEvent>()
  const { events = [], debts = [] } = cases.value ?? {}
  return (
    <>
      {cases.problem !== undefined && (
        <Failure aside problem={cases.problem} retry={cases.reload} />
      )}
      {events.length > 0 && (
        <section class="card extra" aria-labelledby="provider-title">
          <div class="card-head">
            <h2 id="provider-title">Payments that wait</h2>
            <span class="chip wait">{counted(events.length)}</span>
          </div>
          <ul class="stack">
            {events.map((event) => (
              <EventRow key={event.id} {...event} resolve={() => setResolving(event)} />
            ))}
          </ul>
        </section>
      )}
      {debts.length > 0 && (
        <section class="card extra" aria-labelledby="debts-title">
          <div class="card-head">
            <h2 id="debts-title">Debts</h2>
            <span class="chip loss">{counted(debts.length)}</span>
          </div>
          <ul class="stack">
            {debts.map((debt) => (
              <DebtRow
                key={debt.id}
                api={api}
                debt={debt}
                own={debt.userId === admin}
                done={cases.reload}
              />
            ))}
          </ul>
        </section>
      )}
      {resolving && (
        <ResolveDialog
          api={api}
          event={resolving}
          close={() => setResolving(undefined)}
          done={() => {
            setResolving(undefined)
            cases.reload()
          }}
        />
      )}
    </>
  )
}

const counted = (count: number) => (count === SHOWN ? `${count} or more` : `${count}`)

const titleOf = ({ kind, amount, currency }: ProviderEvent) =>
  [KINDS[kind] ?? kind, amount !== null && currency && formatMoney(amount, currency)]
    .filter(Boolean)
    .join(' of ')

function EventRow({ resolve, ...event }: ProviderEvent & { resolve: () => void }) {
  const { provider, paymentId, userId, reason, detail, receivedAt } = event
  return (
    <li class="row">
      <div class="breakable">
        <strong>{titleOf(event)}</strong>{' '}
        {userId && (
          <a href={hrefOf('users', userId)}>
            <bdi>{userId}</bdi>
          </a>
        )}
        <p class="small">{REASONS[reason ?? ''] ?? reason ?? detail ?? ''}</p>
        <p class="small soft">
          {provider}, <code>{paymentId}</code>,{' '}
          <time dateTime={receivedAt} title={fullTime(receivedAt)}>
            {ago(receivedAt)}
          </time>
        </p>
      </div>
      <Button kind="quiet compact" label={`Close the case: ${titleOf(event)}`} onClick={resolve}>
        Close the case
      </Button>
    </li>
  )
}

interface ResolveDialogProps {
  api: Api
  event: ProviderEvent
  close: () => void
  done: () => void
}

function ResolveDialog({ api, event, close, done }: ResolveDialogProps) {
  const [resolution, setResolution] = useState('')
  const [unsaid, setUnsaid] = useState(false)
  const key = useIdempotencyKey()
  const resolve = useAction(async () => {
    const body = { resolution: resolution.trim() }
    setUnsaid(!body.resolution)
    if (!body.resolution) return
    await api.post(`/admin/provider-events/${event.id}/resolve`, body, key.for(body))
    done()
  })
  return (
    <Dialog
      title={`Close the case: ${titleOf(event)}`}
      verb="Close the case"
      action={resolve}
      onSubmit={() => void resolve.run()}
      onClose={close}
    >
      <p class="soft">
        This moves no money. Before that, decide the topup, adjust the balance, or pay back at the
        provider.
      </p>
      <TextField
        label="What was done"
        value={resolution}
        maxLength={1000}
        wrong={unsaid ? 'Say what was done. Other admins see it.' : undefined}
        onInput={(value) => {
          setResolution(value)
          setUnsaid(false)
        }}
      />
    </Dialog>
  )
}

interface DebtRowProps {
  api: Api
  debt: Debt
  own: boolean
  done: () => void
}

function DebtRow({ api, debt, own, done }: DebtRowProps) {
  const { id, userId, currency, amount, collected, cause, createdAt } = debt
  const left = formatMoney(subtract(amount, collected, currency), currency)
  const settle = useAction(async (action: 'collect' | 'write_off') => {
    await api.post(`/admin/debts/${id}/settle`, { action })
    done()
  })
  const button = (action: 'collect' | 'write_off', text: string) => (
    <Button
      kind="quiet compact"
      label={`${text}: ${left} of ${userId}`}
      about={id}
      busy={settle.busy}
      idle={own}
      onClick={() => void settle.run(action)}
    >
      {text}
    </Button>
  )
  return (
    <li class="row">
      <div class="breakable">
        <strong>{left}</strong>{' '}
        <a href={hrefOf('users', userId)}>
          <bdi>{userId}</bdi>
        </a>
        <p class="small soft">
          After a {cause},{' '}
          <time dateTime={createdAt} title={fullTime(createdAt)}>
            {ago(createdAt)}
          </time>
          {collected > 0 && `; ${formatMoney(collected, currency)} was collected`}
        </p>
        {settle.problem !== undefined && <Failure problem={settle.problem} />}
      </div>
      <span class="side">
        {button('collect', 'Collect')}
        {button('write_off', 'Write off')}
      </span>
    </li>
  )
}
