import { useState } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { ConfirmDialog } from '../components/dialog.tsx'
import { Empty } from '../components/states.tsx'
import { useAction } from '../hooks/use-action.ts'
import { words } from '../lib/language.ts'
import { absolute, formatMoney } from '../lib/money.ts'
import { fullTime, shortTime, until } from '../lib/time.ts'
import { stillHeld, type Transaction } from '../lib/transaction.ts'
import { PendingList } from './pending-list.tsx'
import type { SectionProps } from './section.ts'

/** The user's holds: how much, for what, until when. Each can be released. */
export function Holds({ api, currency, currencies, version, done }: SectionProps) {
  const { holds: text } = words()
  const [asked, setAsked] = useState<Transaction>()
  const [released, setReleased] = useState<string>()
  const release = useAction(async (hold: Transaction) => {
    setReleased(undefined)
    try {
      done(await api.post<Transaction>(`/transactions/hold/${hold.id}/void`, {}))
    } catch (problem) {
      // Somebody else may have ended it.
      done()
      throw problem
    }
    setReleased(text.released(restOf(hold)))
  })
  return (
    <>
      <p class="soft">{text.lead}</p>
      <PendingList
        {...{ api, version }}
        type="hold"
        title={text.list}
        reading={text.reading}
        empty={<Empty title={text.emptyTitle}>{text.empty}</Empty>}
        key={currency}
        currency={currencies.length > 1 ? currency : undefined}
        row={(hold) => <Hold hold={hold} ask={() => setAsked(hold)} />}
      />
      <div role="status" class="receipt">
        {released && <p class="notice gain">{released}</p>}
      </div>
      {asked && (
        <ConfirmDialog
          title={text.releaseTitle(restOf(asked))}
          verb={text.releaseSubmit}
          action={release}
          onSubmit={async () => {
            if (await release.run(asked)) setAsked(undefined)
          }}
          onClose={() => {
            release.forget()
            setAsked(undefined)
          }}
        >
          {text.releaseText}
        </ConfirmDialog>
      )}
    </>
  )
}

function Hold({ hold, ask }: { hold: Transaction; ask: () => void }) {
  const { holds: text, statement } = words()
  const { currency, capturedAmount, description, referenceId, expiresAt } = hold
  return (
    <>
      <div>
        <strong class="money">
          {text.held(formatMoney(absolute(hold.amount, currency), currency))}
        </strong>
        {capturedAmount !== undefined && Number(capturedAmount) > 0 && (
          <div class="small">{text.captured(formatMoney(capturedAmount, currency))}</div>
        )}
        <div class="small soft breakable">
          {description && <div>{description}</div>}
          {referenceId && <div>{statement.referenceIs(referenceId)}</div>}
          {expiresAt ? (
            <time dateTime={expiresAt} title={fullTime(expiresAt)}>
              {text.expires(until(expiresAt), shortTime(expiresAt))}
            </time>
          ) : (
            text.noEnd
          )}
        </div>
      </div>
      <Button
        kind="quiet compact"
        label={text.releaseLabel(restOf(hold))}
        about={hold.id}
        onClick={ask}
      >
        {text.release}
      </Button>
    </>
  )
}

const restOf = (hold: Transaction) => formatMoney(stillHeld(hold), hold.currency)
