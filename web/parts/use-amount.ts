import { useState } from 'preact/hooks'
import { readAmount } from './money.ts'

/** A typed amount, and what is wrong with it once somebody tried to send it. */
export function useAmount(currency: string, initial = '', { signed = false } = {}) {
  const [text, setText] = useState(initial)
  const [wrong, setWrong] = useState<string>()
  return {
    text,
    wrong,
    set(value: string) {
      setText(value)
      setWrong(undefined)
    },
    /** The amount as the server takes it; undefined, and a word about it, when it is none. */
    read(): string | undefined {
      const amount = readAmount(text, currency, { signed })
      if (amount === undefined) {
        setWrong(
          text.trim() === ''
            ? 'How much?'
            : signed
              ? 'Write an amount such as 25 or -25.'
              : 'Write an amount such as 25 or 25.50.',
        )
      }
      return amount
    },
  }
}
