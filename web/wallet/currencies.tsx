import { words } from '../lib/language.ts'
import { formatMoney } from '../lib/money.ts'
import type { Funds } from './use-balances.ts'

interface CurrenciesProps {
  balances: readonly Funds[]
  currency: string
  choose: (currency: string) => void
}

/** The money in each currency, side by side. The page shows the chosen one. */
export function Currencies({ balances, currency, choose }: CurrenciesProps) {
  const { balance: text, common } = words()
  // Without a hold anywhere, all of each balance is available.
  const held = balances.some((funds) => funds.held > 0)
  return (
    <fieldset class="currencies">
      <legend class="sr-only">{common.currency}</legend>
      {balances.map((funds) => (
        <button
          key={funds.currency}
          type="button"
          aria-pressed={funds.currency === currency}
          onClick={() => choose(funds.currency)}
        >
          <span class="small">{funds.currency}</span>{' '}
          <strong class="money">{formatMoney(funds.balance, funds.currency)}</strong>
          {held && (
            <>
              {' '}
              <span class="small part">
                {text.availableShort} {formatMoney(funds.available, funds.currency)}
              </span>{' '}
              <span class="small part">
                {text.held} {formatMoney(funds.held, funds.currency)}
              </span>
            </>
          )}
        </button>
      ))}
    </fieldset>
  )
}

/** The money in the shown currency, for a section that spends it. */
export function FundsCard({ balances, currency, choose }: CurrenciesProps) {
  const { balance: text } = words()
  const funds = balances.find((funds) => funds.currency === currency)
  return (
    <section class="card funds" aria-label={text.title}>
      {balances.length > 1 ? (
        <Currencies balances={balances} currency={currency} choose={choose} />
      ) : (
        funds && (
          <dl class="facts">
            <div>
              <dt>{text.title}</dt>
              <dd data-testid="funds">{formatMoney(funds.balance, currency)}</dd>
            </div>
            <div>
              <dt>{text.available}</dt>
              <dd>{formatMoney(funds.available, currency)}</dd>
            </div>
            <div>
              <dt>{text.held}</dt>
              <dd>{formatMoney(funds.held, currency)}</dd>
            </div>
          </dl>
        )
      )}
    </section>
  )
}
