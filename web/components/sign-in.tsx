import { useEffect, useRef } from 'preact/hooks'
import { useAction } from '../hooks/use-action.ts'
import icon from '../icon.svg'
import { words } from '../lib/language.ts'
import { demoSession, type Role, type SessionKeeper } from '../lib/session.ts'
import { Button } from './button.tsx'
import { ProviderSignIn, providerWords } from './provider-sign-in.tsx'
import { Failure } from './states.tsx'
import { TokenField, usePastedToken } from './token-field.tsx'

interface SignInProps {
  role: Role
  session: SessionKeeper
  /** The server runs in demo mode: one click signs in, because only this machine can reach the server. */
  demo: boolean
  /** The identity provider to sign in with. `only`: there is no other way. */
  provider: { name: string; only: boolean } | undefined
}

const OF_CONSOLE = {
  title: 'Admin console',
  lead: 'Decide topups and withdrawals, manage users, and audit the ledger.',
  demo: 'Continue as the demo admin',
}

export function SignIn({ role, session, demo, provider }: SignInProps) {
  const one = useAction(async () => session.signIn(await demoSession(role)))
  const common = words().signIn
  const text = role === 'admin' ? OF_CONSOLE : common
  const title = useRef<HTMLHeadingElement>(null)
  useEffect(() => title.current?.focus(), [])

  const token = usePastedToken(role, session)
  const { signIn } = token

  return (
    <main class="sign-in">
      <header class="stack">
        <span class="brand">
          <img src={icon} alt="" width="30" height="30" /> Livebalance
        </span>
        <h1 ref={title} tabIndex={-1}>
          {text.title}
        </h1>
        <p class="lead">{text.lead}</p>
      </header>
      <div class="card">
        {provider && (
          <>
            <ProviderSignIn role={role} session={session} name={provider.name} />
            {!provider.only && !demo && <div class="or">{providerWords().orToken}</div>}
          </>
        )}
        {demo && (
          <>
            <Button kind={provider ? 'quiet' : ''} busy={one.busy} onClick={() => void one.run()}>
              {text.demo}
            </Button>
            {one.problem !== undefined && <Failure problem={one.problem} />}
            {!provider?.only && <div class="or">{common.or}</div>}
          </>
        )}
        {!provider?.only && (
          <form
            onSubmit={(event) => {
              event.preventDefault()
              void signIn.run()
            }}
          >
            <TokenField {...token} />
            {signIn.problem !== undefined && <Failure problem={signIn.problem} />}
            <Button type="submit" kind={demo || provider ? 'quiet' : ''} busy={signIn.busy}>
              {common.submit}
            </Button>
          </form>
        )}
      </div>
      <p class="small soft">
        {role === 'admin' ? <a href="/">Open the wallet</a> : <a href="/admin">{common.console}</a>}
      </p>
    </main>
  )
}
