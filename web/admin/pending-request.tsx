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
import { hrefOf } from './address.ts'
import { RejectDialog, type Verdict } from './decisions.tsx'
import type { Card, RequestUser } from './request-queue.ts'

interface PendingRequestProps {
  api: Api
  /** A topup, a withdrawal, or what needs a second admin. */
  request: Transaction
  /** What is known of its user. */
  user: RequestUser | undefined
  /** The signed-in admin, who does not decide about their own money, nor twice. */
  admin: string
  /** The page asks for confirmation before it approves a larger amount. */
  confirmAbove: number
  /** Whether it is chosen, to be decided with others. */
  chosen: boolean
  choose: (is: boolean) => void
  /** Why it was not decided with the others. */
  refused: string | undefined
  /** Gets what the keyboard does on this row; undefined once the row is gone. */
  actions: (actions: RowActions | undefined) => void
  decided: (outcome: Transaction) => void
  /** Called if another admin decided the request first. */
  late: () => void
}

/** What the keys of the queue do on one row. */
export interface RowActions {
  approve: () => void
  reject: () => void
  choose: () => void
}

/** Whether this admin may decide the request. */
export const isDecidable = ({ userId, approvedBy }: Transaction, admin: string) =>
  userId !== admin && approvedBy !== admin

export function PendingRequest(props: PendingRequestProps) {
  const { api, request, admin, confirmAbove, chosen, choose, refused, decided, late } = props
  const [note, setNote] = useState('')
  const [asking, setAsking] = useState<'approve' | 'reject'>()
  const { id, type, userId, amount, approvedBy } = request
  const own = userId === admin
  const approvedByMe = approvedBy === admin
  const { money, what } = moneyOf(request)
  const out = amount < 0
  const asked = type === 'topup' || type === 'withdrawal'
  const party = `${type === 'withdrawal' ? 'by' : 'for'} ${userId}`
  const whose = type === 'topup' ? `${money} ${party}` : `of ${money} ${party}`
  const decision = useAction(async (status: Verdict, text: string = note) => {
    const body = { status, ...(text.trim() && { adminNotes: text.trim() }) }
    try {
      decided(await api.patch<Transaction>(`/transactions/${pathOf(type)}/${id}/process`, body))
    } catch (problem) {
      if (problem instanceof Problem && problem.code === 'already_processed') late()
      throw problem
    }
  })
  const approve = () => {
    if (Math.abs(amount) > confirmAbove) setAsking('approve')
    else void decision.run('success')
  }
  const { actions } = props
  useEffect(() => {
    const idle = decision.busy || asking !== undefined
    actions({
      approve: () => !own && !approvedByMe && !idle && approve(),
      reject: () => !own && !idle && setAsking('reject'),
      choose: () => isDecidable(request, admin) && choose(!chosen),
    })
  })
  // biome-ignore lint/correctness/useExhaustiveDependencies: only once the row is gone
  useEffect(() => () => actions(undefined), [])
  const verdict = (verb: string, kind: string, idle: boolean, act: () => void) => (
    <Button kind={kind} busy={decision.busy} idle={idle} about={id} onClick={act}>
      <span>
        <span class="verb">{what ? `${verb} ${what}` : verb}</span>{' '}
        <span class="whose">{whose}</span>
      </span>
    </Button>
  )

  return (
    <tr class="request fresh" data-request={id} tabIndex={-1}>
      <td class="choose-cell">
        <input
          type="checkbox"
          aria-label={`Choose ${what ? `the ${what} ` : ''}${whose}`}
          checked={chosen}
          disabled={!isDecidable(request, admin)}
          onChange={(event) => choose(event.currentTarget.checked)}
        />
      </td>
      <About request={request} user={props.user} />
      <td class="note-cell">
        <TextField
          label="Note"
          hint="the user sees it"
          value={note}
          maxLength={1000}
          onInput={setNote}
        />
      </td>
      <td class="verdict-cell">
        <div class="verdict">
          {verdict('Approve', '', own || approvedByMe, approve)}
          {verdict('Reject', 'danger', own, () => void decision.run('failed'))}
        </div>
        {own && (
          <p class="small soft">
            {asked ? 'You requested this' : 'This is your own money'}, so another admin has to
            decide it.
          </p>
        )}
        {!own && <FirstApproval request={request} admin={admin} />}
        {decision.problem !== undefined && asking === undefined && (
          <Failure problem={decision.problem} />
        )}
        {decision.problem === undefined && refused !== undefined && (
          <p class="notice loss small">{refused}</p>
        )}
        {asking === 'approve' && (
          <ConfirmDialog
            title={`Approve ${what ? `the ${what} ` : ''}${whose}?`}
            verb={`Approve ${money}`}
            action={decision}
            onSubmit={() => void decision.run('success')}
            onClose={() => setAsking(undefined)}
          >
            {out
              ? 'The money leaves the wallet. This cannot be undone.'
              : 'The money is added at once and can be spent at once.'}
          </ConfirmDialog>
        )}
        {asking === 'reject' && (
          <RejectDialog
            title={`Reject ${what ? `the ${what} ` : ''}${whose}?`}
            decision={decision}
            close={() => setAsking(undefined)}
          />
        )}
      </td>
    </tr>
  )
}

/** Who approved it first, where two admins must agree. */
function FirstApproval({ request, admin }: { request: Transaction; admin: string }) {
  const { approvedBy, approvedAt } = request
  if (approvedBy === undefined) return null
  const when = approvedAt && (
    <time dateTime={approvedAt} title={fullTime(approvedAt)}>
      {ago(approvedAt)}
    </time>
  )
  return (
    <p class="notice wait small breakable">
      <span>
        {approvedBy === admin ? (
          <>You approved this {when}. Another admin has to approve it, too.</>
        ) : (
          <>
            <bdi>{approvedBy}</bdi> approved this {when}. Your approval is the second.
          </>
        )}
      </span>
    </p>
  )
}

/** A decided request with its result, in its old place in the list. */
export function Receipt({ card }: { card: Card & { outcome: Transaction } }) {
  const { request, outcome, own } = card
  const { status, adminNotes, processedBy } = outcome
  const place = useRef<HTMLTableRowElement>(null)
  useEffect(() => {
    // The button that had the focus was removed.
    if (own) place.current?.focus({ preventScroll: true })
  }, [own])
  return (
    <tr
      class="request receipt"
      data-request={request.id}
      data-status={status}
      tabIndex={-1}
      ref={place}
    >
      <td class="choose-cell" />
      <About request={request} />
      <td class="note-cell">
        <p class="small breakable">{own ? result(outcome) : elsewhere(outcome, processedBy)}</p>
        {adminNotes && <p class="small soft breakable">Note: {adminNotes}</p>}
      </td>
      <td class="verdict-cell">
        <span class={`chip ${STATUS_TONES[status]}`}>
          {status === 'success' ? 'Approved' : STATUS_NAMES[status]}
        </span>
      </td>
    </tr>
  )
}

/** The request's amount, user, time and description. */
function About({ request, user }: { request: Transaction; user?: RequestUser | undefined }) {
  const { id, type, userId, description, createdAt } = request
  return (
    <>
      <td class="sum-cell">
        <div class="sum money">
          {moneyOf(request).money} <span class="chip">{typeName(type)}</span>
        </div>
      </td>
      <td class="user-cell small breakable">
        <a href={hrefOf('users', userId)}>
          <bdi>{userId}</bdi>
        </a>{' '}
        <a class="soft" href={hrefOf('transactions', id)} title={fullTime(createdAt)}>
          <time dateTime={createdAt}>{ago(createdAt)}</time>
        </a>
        {description && <p class="soft">“{description}”</p>}
        {user && <p class="soft">{knownOf(user)}</p>}
      </td>
    </>
  )
}

/** “Has $5.00, 2 approved and 1 rejected before”. */
function knownOf({ available, currency, approved, rejected }: RequestUser): string {
  const before = [approved > 0 && `${approved} approved`, rejected > 0 && `${rejected} rejected`]
  const past = before.filter(Boolean).join(' and ')
  const funds = `Has ${formatMoney(available, currency)}`
  return past ? `${funds}, ${past} before` : `${funds}, the first request`
}

/** The amount, signed for a correction, and the kind of request, which a topup does without. */
function moneyOf({ type, amount, currency }: Transaction): { money: string; what: string } {
  const isSigned = type === 'admin_adjustment'
  return {
    money: isSigned
      ? formatMoney(amount, currency, { signed: true })
      : formatMoney(absolute(amount, currency), currency),
    what: type === 'topup' ? '' : typeName(type).toLowerCase(),
  }
}

const pathOf = (type: Transaction['type']) => (type === 'admin_adjustment' ? 'adjustment' : type)

function result({ type, status, userId, amount, currency }: Transaction): string {
  const money = formatMoney(absolute(amount, currency), currency)
  if (status !== 'success') {
    if (type === 'withdrawal') return `${userId} can spend it again.`
    return type === 'topup' ? `${userId} has been notified.` : 'No money moved.'
  }
  if (amount > 0) return `${money} added to ${userId}’s balance.`
  return type === 'withdrawal'
    ? `${money} withdrawn from ${userId}’s balance.`
    : `${money} taken from ${userId}’s balance.`
}

function elsewhere(outcome: Transaction, by: string | null): string {
  if (outcome.status === 'cancelled') return `${outcome.userId} cancelled it.`
  const verb = outcome.status === 'success' ? 'approved' : 'declined'
  return `Already ${verb} by ${by ?? 'another admin'}.`
}
