import { useState } from 'preact/hooks'
import { type Action, useAction } from '../hooks/use-action.ts'
import { words } from '../lib/language.ts'
import { type Role, readToken, type SessionKeeper } from '../lib/session.ts'
import { rejectionOf } from '../lib/token-check.ts'
import { TextField } from './fields.tsx'

interface PastedToken {
  text: string
  wrong: string | undefined
  set(text: string): void
  signIn: Action<[]>
}

/** Signs in with a pasted token, if the server accepts it for this role. */
export function usePastedToken(
  role: Role,
  session: SessionKeeper,
  signedIn?: () => void,
): PastedToken {
  const [text, setText] = useState('')
  const [wrong, setWrong] = useState<string>()
  const signIn = useAction(async () => {
    const read = readToken(text)
    if (typeof read === 'string') return setWrong(read)
    const rejection = await rejectionOf(read, role)
    if (rejection) return setWrong(rejection)
    session.signIn(read)
    signedIn?.()
  })
  return {
    text,
    wrong,
    set(value) {
      setText(value)
      setWrong(undefined)
      signIn.forget()
    },
    signIn,
  }
}

export function TokenField({ text, wrong, set }: PastedToken) {
  return (
    <TextField
      label={words().signIn.token}
      hint={words().signIn.tokenHint}
      rows={4}
      value={text}
      wrong={wrong}
      placeholder="eyJhbGciOi…"
      onInput={set}
    />
  )
}
