import { useEffect, useRef } from 'preact/hooks'
import { useAction } from '../hooks/use-action.ts'
import icon from '../icon.svg'
import { demoSession, type Role, type SessionKeeper } from '../lib/session.ts'
import { Button } from './button.tsx'
import { Failure } from './states.tsx'
import { TokenField, usePastedToken } from './token-field.tsx'

interface SignInProps {
  role: Role
  session: SessionKeeper
  /** The server runs in demo mode: one click signs in, because only this machine can reach the server. */
  demo: boolean
}

const WORDS = {
  user: {
    title: 'Your balance, live',
    lead: 'Topups, payments and refunds appear at once, without reloading.',
    demo: 'Continue as the demo user',
    other: <a href="/admin">Open the admin console</a>,
  },
  admin: {
    title: 'Admin console',
    lead: 'Decide topups and withdrawals, manage users, and audit the ledger.',
    demo: 'Continue as the demo admin',
    other: <a href="/">Open the wallet</a>,
  },
} as const

export function SignIn({ role, session, demo }: SignInProps) {
  const one = useAction(async () => session.signIn(await demoSession(role)))
  const words = WORDS[role]
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
          {words.title}
        </h1>
        <p class="lead">{words.lead}</p>
      </header>
      <div class="card">
        {demo && (
          <>
            <Button busy={one.busy} onClick={() => void one.run()}>
              {words.demo}
            </Button>
            {one.problem !== undefined && <Failure problem={one.problem} />}
            <div class="or">or with your own token</div>
          </>
        )}
        <form
          onSubmit={(event) => {
            event.preventDefault()
            void signIn.run()
          }}
        >
          <TokenField {...token} />
          {signIn.problem !== undefined && <Failure problem={signIn.problem} />}
          <Button type="submit" kind={demo ? 'quiet' : ''} busy={signIn.busy}>
            Sign in
          </Button>
        </form>
      </div>
      <p class="small soft">{words.other}</p>
    </main>
  )
}
