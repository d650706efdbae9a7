import { useState } from 'preact/hooks'
import { formatMoney, readAmount } from '../lib/money.ts'

/** A typed amount, how it is understood, and what is wrong with it once somebody tried to send it. */
export function useAmount(currency: string, initial = '', { signed = false } = {}) {
  const [text, setText] = useState(initial)
  const [wrong, setWrong] = useState<string>()
  const typed = readAmount(text, currency, { signed })
  return {
    text,
    wrong,
    /** What would be sent, as the page writes money; undefined as long as it is no amount. */
    understood: typed.amount === undefined ? undefined : formatMoney(typed.amount, currency),
    set(value: string) {
      setText(value)
      setWrong(undefined)
    },
    /** The amount as the server takes it; undefined, and a word about it, when it is none. */
    read(): string | undefined {
      setWrong(typed.wrong)
      return typed.amount
    },
  }
}
