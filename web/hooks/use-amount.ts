import { useState } from 'preact/hooks'
import { formatMoney } from '../lib/money.ts'
import { readAmount } from '../lib/typed-amount.ts'

/** A typed amount. */
export type Amount = ReturnType<typeof useAmount>

/** A typed amount, how the page understands it, and its error after an attempt to send it. */
export function useAmount(currency: string, initial = '', { signed = false } = {}) {
  const [text, setText] = useState(initial)
  const [wrong, setWrong] = useState<string>()
  const typed = readAmount(text, currency, { signed })
  return {
    text,
    wrong,
    /** The amount as the page formats money. Undefined while the text is not an amount. */
    understood: typed.amount === undefined ? undefined : formatMoney(typed.amount, currency),
    set(value: string) {
      setText(value)
      setWrong(undefined)
    },
    /** The amount in the server's format. If the text is not an amount: undefined, and `wrong` says why. */
    read(): string | undefined {
      setWrong(typed.wrong)
      return typed.amount
    },
  }
}
