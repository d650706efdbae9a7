import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { ConfirmDialog, Dialog } from '../components/dialog.tsx'
import { AmountField, TextField } from '../components/fields.tsx'
import { Failure } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useAmount } from '../hooks/use-amount.ts'
import { useLoaded } from '../hooks/use-loaded.ts'
import type { Api } from '../lib/api.ts'
import { formatMoney } from '../lib/money.ts'
import { span } from '../lib/time.ts'

/** Amounts are major units. */
interface Rule {
  currency: string
  threshold: number
  amount: number
  cap: number
  periodSeconds: number
  status: 'active' | 'paused'
  pausedReason: string | null
}

const PATH = '/transactions/auto-topup'
const DAY_SECONDS = 86_400

interface AutoTopupsProps {
  api: Api
  userId: string
  currency: string
  /** Changes when a topup may have been charged or failed. */
  version: unknown
}

/** A user's rules for topups that are charged by themselves. Shows nothing for users without a saved payment method. */
export function AutoTopups({ api, userId, currency, version }: AutoTopupsProps) {
  const { value, problem, reload } = useLoaded(
    (signal) => api.get<{ items: Rule[]; hasMethod: boolean }>(PATH, { userId }, signal),
    [api, userId],
    version,
  )
  const [asking, setAsking] = useState<{ what: 'set' | 'delete'; rule?: Rule } | 'method'>()
  const close = () => setAsking(undefined)
  const done = () => {
    close()
    reload()
  }
  const dialog = { api, userId, close, done }
  if (problem !== undefined) return <Failure aside problem={problem} retry={reload} />
  if (!value || (!value.hasMethod && value.items.length === 0)) return null
  return (
    <section class="card" aria-label="Auto top-up">
      <h2>Auto top-up</h2>
      {value.items.length === 0 && (
        <p class="soft">A payment method is saved. Nothing is charged by itself.</p>
      )}
      <ul class="stack">
        {value.items.map((rule) => (
          <li key={rule.currency} class="stack">
            <RuleLines {...rule} />
            <div class="actions">
              <Button
                kind="quiet compact"
                label={`Change the auto top-up in ${rule.currency}`}
                onClick={() => setAsking({ what: 'set', rule })}
              >
                {rule.status === 'paused' ? 'Change or resume' : 'Change'}
              </Button>
              <Button
                kind="quiet compact"
                label={`Delete the auto top-up in ${rule.currency}`}
                onClick={() => setAsking({ what: 'delete', rule })}
              >
                Delete
              </Button>
            </div>
          </li>
        ))}
      </ul>
      {value.hasMethod && (
        <div class="card-foot">
          <div class="actions">
            {!value.items.some((rule) => rule.currency === currency) && (
              <Button kind="quiet" onClick={() => setAsking({ what: 'set' })}>
                Set up
              </Button>
            )}
            <Button kind="quiet" onClick={() => setAsking('method')}>
              Delete payment method
            </Button>
          </div>
        </div>
      )}
      {asking === 'method' && (
        <DeleteDialog
          {...dialog}
          title={`Delete the saved payment method of ${userId}?`}
          path={`${PATH}/method`}
          query={{ userId }}
        >
          Nothing is charged by it any more. A charge that is under way still counts.
        </DeleteDialog>
      )}
      {typeof asking === 'object' && asking.what === 'delete' && asking.rule && (
        <DeleteDialog
          {...dialog}
          title={`Delete the auto top-up of ${userId}?`}
          path={PATH}
          query={{ userId, currency: asking.rule.currency }}
        >
          Nothing in {asking.rule.currency} is charged by itself any more.
        </DeleteDialog>
      )}
      {typeof asking === 'object' && asking.what === 'set' && (
        <RuleDialog {...dialog} currency={asking.rule?.currency ?? currency} rule={asking.rule} />
      )}
    </section>
  )
}

function RuleLines({ currency, threshold, amount, cap, periodSeconds, ...state }: Rule) {
  const money = (value: number) => formatMoney(value, currency)
  return (
    <>
      <p>
        Below {money(threshold)}, {money(amount)} is charged: at most {money(cap)} in{' '}
        {span(periodSeconds)}.
      </p>
      {state.status === 'paused' && (
        <p class="notice wait">
          <strong>Paused</strong>
          {state.pausedReason && <span class="breakable">“{state.pausedReason}”</span>}
        </p>
      )}
    </>
  )
}

interface DialogProps {
  api: Api
  userId: string
  close: () => void
  done: () => void
}

/** Sets a rule. One that was paused goes on. */
function RuleDialog({
  api,
  userId,
  currency,
  rule,
  close,
  done,
}: DialogProps & { currency: string; rule: Rule | undefined }) {
  const threshold = useAmount(currency, rule && String(rule.threshold))
  const amount = useAmount(currency, rule && String(rule.amount))
  const cap = useAmount(currency, rule && String(rule.cap))
  const [days, setDays] = useState(String((rule?.periodSeconds ?? 30 * DAY_SECONDS) / DAY_SECONDS))
  const [wrongDays, setWrongDays] = useState<string>()
  const save = useAction(async () => {
    const read = { threshold: threshold.read(), amount: amount.read(), cap: cap.read() }
    const periodSeconds = Math.round(Number(days) * DAY_SECONDS)
    const isPeriod = periodSeconds >= 1 && periodSeconds <= 366 * DAY_SECONDS
    setWrongDays(isPeriod ? undefined : 'Enter a number of days, at most 366.')
    if (Object.values(read).includes(undefined) || !isPeriod) return
    await api.put(PATH, { ...read, periodSeconds, currency, userId })
    done()
  })
  return (
    <Dialog
      title={`Auto top-up of ${userId}`}
      verb="Save"
      action={save}
      onSubmit={() => void save.run()}
      onClose={close}
    >
      <p class="soft">The saved payment method is charged without asking. The user is told.</p>
      <AmountField label="When the balance is below" amount={threshold} currency={currency} />
      <AmountField label="Charge" amount={amount} currency={currency} />
      <AmountField label="At most" amount={cap} currency={currency} />
      <TextField label="In so many days" value={days} wrong={wrongDays} onInput={setDays} />
    </Dialog>
  )
}

interface DeleteDialogProps extends DialogProps {
  title: string
  path: string
  query: Record<string, string>
  children: ComponentChildren
}

function DeleteDialog({ api, title, path, query, close, done, children }: DeleteDialogProps) {
  const remove = useAction(async () => {
    await api.delete(path, query)
    done()
  })
  return (
    <ConfirmDialog
      title={title}
      verb="Delete"
      action={remove}
      onSubmit={() => void remove.run()}
      onClose={close}
    >
      {children}
    </ConfirmDialog>
  )
}
