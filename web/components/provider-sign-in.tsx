import { useEffect, useState } from 'preact/hooks'
import { useAction } from '../hooks/use-action.ts'
import { languageStore } from '../lib/language.ts'
import { explain, Problem } from '../lib/problem.ts'
import { isReturn, type Role, type SessionKeeper } from '../lib/session.ts'
import { beginSignIn, finishSignIn } from '../lib/sso.ts'
import { checkToken } from '../lib/token-check.ts'
import { PROVIDER_WORDS } from '../lib/words/provider.ts'
import { Button } from './button.tsx'
import { Loading } from './states.tsx'

/** The texts in the language of the page. */
export const providerWords = () => PROVIDER_WORDS[languageStore.getSnapshot()]

interface ProviderSignInProps {
  role: Role
  session: SessionKeeper
  /** Of the identity provider. */
  name: string
}

/** Signs in by the identity provider: sends the person there, and lets them in when they are back. */
export function ProviderSignIn({ role, session, name }: ProviderSignInProps) {
  const text = providerWords()
  const [rejection, setRejection] = useState<string>()
  const begin = useAction((again: boolean) => beginSignIn(role, again))
  const finish = useAction(async () => {
    const { session: person, back } = await finishSignIn(role)
    try {
      await checkToken(person.token, role)
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.code !== 'forbidden') throw problem
      return setRejection(text.notAdmin(person.userId))
    }
    session.keep(person)
    location.replace(back)
  })
  const { run } = finish
  useEffect(() => {
    if (isReturn(role)) void run()
  }, [role, run])

  if (finish.busy) return <Loading what={text.finishing} lines={2} />
  const problem = begin.problem ?? (begin.busy ? undefined : finish.problem)
  return (
    <>
      {rejection !== undefined && !begin.busy && (
        <div class="notice loss" role="alert">
          <span>{rejection}</span>
        </div>
      )}
      {problem !== undefined && (
        <div class="notice loss" role="alert">
          <span>{explanation(problem, name)}</span>
        </div>
      )}
      <Button busy={begin.busy} onClick={() => void begin.run(rejection !== undefined)}>
        {rejection === undefined ? text.signIn(name) : text.other}
      </Button>
    </>
  )
}

/** The error message for a person who signs in. */
function explanation(problem: unknown, name: string): string {
  const { code, details } = problem instanceof Problem ? problem : new Problem(0, '', '')
  const text = providerWords()
  if (code === 'unavailable' && details.part === 'identity_provider') return text.away(name)
  if (code === 'sign_in_failed') {
    if (details.reason === 'denied') return text.denied
    if (details.reason === 'stale' || details.reason === 'code') return text.stale
    return text.failed
  }
  return explain(problem)
}
