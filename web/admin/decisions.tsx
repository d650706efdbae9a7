import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { TextField } from '../components/fields.tsx'
import { type Action, useAction } from '../hooks/use-action.ts'
import { useIdempotencyKey } from '../hooks/use-idempotency-key.ts'
import type { Api } from '../lib/api.ts'
import { absolute, formatMoney, subtract } from '../lib/money.ts'
import { explain, Problem } from '../lib/problem.ts'
import type { Transaction } from '../lib/transaction.ts'

export type Verdict = 'success' | 'failed'

interface BulkProps {
  api: Api
  /** The chosen requests, none of them decided. */
  chosen: readonly Transaction[]
  /** Each outcome of the decided ones, and the problems of the others by their ids. */
  done: (outcomes: Transaction[], problems: ReadonlyMap<string, string>) => void
  /** Chooses none. */
  clear: () => void
}

/** The chosen requests with their sums, and the buttons that decide all of them. */
export function BulkBar({ api, chosen, done, clear }: BulkProps) {
  const [asking, setAsking] = useState<Verdict>()
  if (chosen.length === 0) return null
  const names = chosen.map(({ id }) => id).join()
  return (
    <section class="bulk-bar" aria-label="Chosen requests">
      <span>
        <strong>{chosen.length} chosen</strong>
        <span class="soft"> {sumsOf(chosen)}</span>
      </span>
      <span class="side">
        <Button kind="compact" about={names} onClick={() => setAsking('success')}>
          Approve chosen
        </Button>
        <Button kind="danger compact" about={names} onClick={() => setAsking('failed')}>
          Reject chosen
        </Button>
        <Button kind="bare" onClick={clear}>
          Choose none
        </Button>
      </span>
      {asking && (
        <BulkDialog
          {...{ api, chosen, done }}
          verdict={asking}
          close={() => setAsking(undefined)}
        />
      )}
    </section>
  )
}

type Result = { transaction: Transaction } | { code: string; message: string; details?: object }

interface BulkDialogProps extends Omit<BulkProps, 'clear'> {
  verdict: Verdict
  close: () => void
}

function BulkDialog({ api, chosen, verdict, done, close }: BulkDialogProps) {
  const [note, setNote] = useState('')
  const key = useIdempotencyKey()
  const count = chosen.length === 1 ? '1 request' : `${chosen.length} requests`
  const verb = verdict === 'success' ? 'Approve' : 'Reject'
  const decide = useAction(async () => {
    const adminNotes = note.trim()
    const body = {
      commands: chosen.map(({ id, type }) => ({
        ...{ type: COMMANDS[type], transactionId: id, status: verdict },
        ...(adminNotes && { adminNotes }),
      })),
    }
    const { results } = await api.post<{ results: Result[] }>(
      '/transactions/bulk',
      body,
      key.for(body),
    )
    const outcomes = results.flatMap((result) =>
      'transaction' in result ? [result.transaction] : [],
    )
    const problems = new Map<string, string>()
    for (const [i, result] of results.entries()) {
      const id = chosen[i]?.id
      if ('transaction' in result || id === undefined) continue
      const { code, message, details } = result
      problems.set(id, explain(new Problem(409, code, message, { details: { ...details } })))
    }
    done(outcomes, problems)
    close()
  })
  return (
    <Dialog
      title={`${verb} ${count}?`}
      verb={`${verb} ${count}`}
      action={decide}
      onSubmit={() => void decide.run()}
      onClose={close}
    >
      <p class="soft">
        {sumsOf(chosen)}.{' '}
        {verdict === 'success'
          ? 'Money moves at once, and this cannot be undone.'
          : 'No money moves, and the users are told.'}{' '}
        Each is decided by itself: one that cannot be decided keeps no other from it.
      </p>
      <TextField
        label="Note"
        hint="every user sees it"
        value={note}
        maxLength={1000}
        onInput={setNote}
      />
    </Dialog>
  )
}

const COMMANDS: Partial<Record<Transaction['type'], string>> = {
  topup: 'topup_process',
  withdrawal: 'withdrawal_process',
  admin_adjustment: 'adjustment_process',
  refund: 'refund_process',
}

/** “$35.00 in, $20.00 out”: by currency, and what comes in is never offset by what goes out. */
function sumsOf(requests: readonly Transaction[]): string {
  const sums = new Map<string, { out: boolean; currency: string; sum: string }>()
  for (const { amount, currency } of requests) {
    const out = amount < 0
    const key = `${out} ${currency}`
    const less = subtract(0, absolute(amount, currency), currency)
    const sum = subtract(sums.get(key)?.sum ?? 0, less, currency)
    sums.set(key, { out, currency, sum })
  }
  return [...sums.values()]
    .map(({ out, currency, sum }) => `${formatMoney(sum, currency)} ${out ? 'out' : 'in'}`)
    .join(', ')
}

interface RejectProps {
  title: string
  decision: Action<[status: Verdict, note?: string]>
  close: () => void
}

/** Asks for the note of a rejection that was begun by the keyboard. */
export function RejectDialog({ title, decision, close }: RejectProps) {
  const [note, setNote] = useState('')
  return (
    <Dialog
      title={title}
      verb="Reject"
      action={decision}
      onSubmit={() => void decision.run('failed', note)}
      onClose={close}
    >
      <TextField
        label="Note"
        hint="the user sees it"
        value={note}
        maxLength={1000}
        onInput={setNote}
      />
    </Dialog>
  )
}
