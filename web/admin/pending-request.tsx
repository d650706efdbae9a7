import { useEffect, useRef, useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { ConfirmDialog } from '../components/dialog.tsx'
import { TextField } from '../components/fields.tsx'
import { Failure } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import type { Api } from '../lib/api.ts'
import { absolute, formatMoney } from '../lib/money.ts'
import { Problem } from '../lib/problem.ts'
import { ago, fullTime } from '../lib/time.ts'
import { STATUS_NAMES, STATUS_TONES, type Transaction, typeName } from '../lib/transaction.ts'
import type { Card } from './request-queue.ts'
import { hrefOf } from './use-route.ts'

interface PendingRequestProps {
  api: Api
  /** A topup or a withdrawal. */
  request: Transaction
  /** The admin made this request, so another admin must decide it. */
  own: boolean
  /** The page asks for confirmation before it approves a larger amount. */
  confirmAbove: number
  decided: (outcome: Transaction) => void
  /** Called if another admin decided the request first. */
  late: () => void
}

export function PendingRequest(props: PendingRequestProps) {
  const { api, request, own, confirmAbove, decided, late } = props
  const [note, setNote] = useState('')
  const [asking, setAsking] = useState(false)
  const { id, type, userId, amount, currency } = request
  const money = formatMoney(absolute(amount, currency), currency)
  const out = type === 'withdrawal'
  const whose = out ? `of ${money} by ${userId}` : `${money} for ${userId}`
  const decision = useAction(async (status: 'success' | 'failed') => {
    const body = { status, ...(note.trim() && { adminNotes: note.trim() }) }
    try {
      decided(await api.patch<Transaction>(`/transactions/${type}/${id}/process`, body))
    } catch (problem) {
      if (problem instanceof Problem && problem.code === 'already_processed') late()
      throw problem
    }
  })
  const approve = () => {
    if (Math.abs(amount) > confirmAbove) setAsking(true)
    else void decision.run('success')
  }
  const verdict = (verb: string, kind: string, act: () => void) => (
    <Button kind={kind} busy={decision.busy} idle={own} about={id} onClick={act}>
      <span>
        <span class="verb">{out ? `${verb} withdrawal` : verb}</span>{' '}
        <span class="whose">{whose}</span>
      </span>
    </Button>
  )

  return (
    <li class="card request fresh" data-request={id}>
      <About request={request} />
      <TextField
        label="Note"
        hint="the user sees it"
        value={note}
        maxLength={1000}
        onInput={setNote}
      />
      <div class="verdict">
        {verdict('Approve', '', approve)}
        {verdict('Reject', 'danger', () => void decision.run('failed'))}
      </div>
      {own && <p class="small soft wide">You requested this, so another admin has to decide it.</p>}
      {decision.problem !== undefined && !asking && (
        <div class="wide">
          <Failure problem={decision.problem} />
        </div>
      )}
      {asking && (
        <ConfirmDialog
          title={`Approve ${out ? 'the withdrawal ' : ''}${whose}?`}
          verb={`Approve ${money}`}
          action={decision}
          onSubmit={() => void decision.run('success')}
          onClose={() => setAsking(false)}
        >
          {out
            ? 'The money leaves the wallet. This cannot be undone.'
            : 'The money is added at once and can be spent at once.'}
        </ConfirmDialog>
      )}
    </li>
  )
}

/** A decided request with its result, in its old place in the list. */
export function Receipt({ card }: { card: Card & { outcome: Transaction } }) {
  const { request, outcome, own } = card
  const { status, adminNotes, processedBy } = outcome
  const place = useRef<HTMLLIElement>(null)
  useEffect(() => {
    // The button that had the focus was removed.
    if (own) place.current?.focus({ preventScroll: true })
  }, [own])
  return (
    <li
      class="card request receipt"
      data-request={request.id}
      data-status={status}
      tabIndex={-1}
      ref={place}
    >
      <About request={request} />
      <p class="small breakable">{own ? result(outcome) : elsewhere(outcome, processedBy)}</p>
      <span class={`chip ${STATUS_TONES[status]}`}>
        {status === 'success' ? 'Approved' : STATUS_NAMES[status]}
      </span>
      {adminNotes && <p class="small soft wide breakable">Note: {adminNotes}</p>}
    </li>
  )
}

/** The request's amount, user, time and description. */
function About({ request }: { request: Transaction }) {
  const { type, userId, amount, currency, description, createdAt } = request
  return (
    <div>
      <div class="sum money">
        {formatMoney(absolute(amount, currency), currency)}{' '}
        <span class="chip">{typeName(type)}</span>
      </div>
      <div class="small breakable">
        <a href={hrefOf('users', userId)}>
          <bdi>{userId}</bdi>
        </a>{' '}
        <time class="soft" dateTime={createdAt} title={fullTime(createdAt)}>
          {ago(createdAt)}
        </time>
      </div>
      {description && <p class="small soft breakable">“{description}”</p>}
    </div>
  )
}

function result({ type, status, userId, amount, currency }: Transaction): string {
  const money = formatMoney(absolute(amount, currency), currency)
  if (status !== 'success') {
    return type === 'withdrawal' ? `${userId} can spend it again.` : `${userId} has been notified.`
  }
  return type === 'withdrawal'
    ? `${money} withdrawn from ${userId}’s balance.`
    : `${money} added to ${userId}’s balance.`
}

function elsewhere(outcome: Transaction, by: string | null): string {
  if (outcome.status === 'cancelled') return `${outcome.userId} cancelled it.`
  const verb = outcome.status === 'success' ? 'approved' : 'declined'
  return `Already ${verb} by ${by ?? 'another admin'}.`
}
