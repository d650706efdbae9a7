import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { AmountField } from '../components/fields.tsx'
import { Failure } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { useAmount } from '../hooks/use-amount.ts'
import { useLoaded } from '../hooks/use-loaded.ts'
import type { Api } from '../lib/api.ts'
import { formatMoney } from '../lib/money.ts'
import { ago } from '../lib/time.ts'

/** From which amount on two admins must agree, in one currency. Null: one is enough. */
interface Rule {
  currency: string
  amount: number | null
  proposal?: { amount: number | null; askedBy: string; askedAt: string }
}

interface Settings {
  fourEyes: Rule[]
}

interface FourEyesProps {
  api: Api
  /** The signed-in admin. */
  admin: string
  /** The server's currency. */
  currency: string
}

/** The amounts above which two admins must agree, and the changes of them that wait for another admin. */
export function FourEyes({ api, admin, currency }: FourEyesProps) {
  const [changing, setChanging] = useState(false)
  const { value, problem, reload } = useLoaded(
    (signal) => api.get<Settings>('/admin/settings', {}, signal),
    [api],
  )
  const rules = value?.fourEyes ?? []
  const inForce = rules.filter(({ amount }) => amount !== null)
  const ask = useAction(async (currency: string, amount: number | string | null) => {
    await api.put('/admin/settings', { fourEyes: [{ currency, amount }] })
    setChanging(false)
    reload()
  })
  return (
    <section class="card extra two-admins" aria-labelledby="two-admins">
      <div class="row">
        <div>
          <h2 id="two-admins">Two admins</h2>
          <p class="small soft">
            {inForce.length === 0
              ? 'One admin is enough for every amount.'
              : `Two admins must agree above ${inForce.map(limitOf).join(', ')}.`}
          </p>
        </div>
        <Button kind="quiet compact" onClick={() => setChanging(true)}>
          Change amount
        </Button>
      </div>
      {rules.map(
        ({ currency, proposal }) =>
          proposal && (
            <div key={currency} class="notice wait">
              <span class="breakable">
                <bdi>{proposal.askedBy}</bdi> asked {ago(proposal.askedAt)}:{' '}
                {wishOf(currency, proposal.amount)}. Until another admin agrees, the rule stays as
                it is.
              </span>
              {proposal.askedBy !== admin && (
                <Button
                  kind="quiet compact"
                  busy={ask.busy}
                  onClick={() => void ask.run(currency, proposal.amount)}
                >
                  Agree
                </Button>
              )}
            </div>
          ),
      )}
      {problem !== undefined && <Failure aside problem={problem} retry={reload} />}
      {ask.problem !== undefined && !changing && <Failure problem={ask.problem} />}
      {changing && <ChangeDialog currency={currency} ask={ask} close={() => setChanging(false)} />}
    </section>
  )
}

const limitOf = ({ currency, amount }: Rule) => formatMoney(amount ?? 0, currency)

const wishOf = (currency: string, amount: number | null) =>
  amount === null
    ? `one admin is to be enough in ${currency}`
    : `two admins are to agree above ${formatMoney(amount, currency)}`

interface ChangeDialogProps {
  currency: string
  ask: ReturnType<typeof useAction<[string, number | string | null]>>
  close: () => void
}

function ChangeDialog({ currency: own, ask, close }: ChangeDialogProps) {
  const [currency, setCurrency] = useState(own)
  const amount = useAmount(currency)
  const change = () => {
    if (amount.text.trim() === '') return void ask.run(currency, null)
    const value = amount.read()
    if (value !== undefined) void ask.run(currency, value)
  }
  return (
    <Dialog
      title="Above which amount must two admins agree?"
      verb="Change"
      action={ask}
      onSubmit={change}
      onClose={close}
    >
      <p class="soft">
        It holds for topups, withdrawals, refunds and adjustments. To loosen the rule, another admin
        has to agree.
      </p>
      <AmountField
        amount={amount}
        label="Amount"
        hint="empty: one admin is enough"
        placeholder="Any"
        currency={currency}
        currencies={[own]}
        onCurrency={setCurrency}
      />
    </Dialog>
  )
}
