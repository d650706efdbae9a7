import { useEffect, useRef, useState } from 'preact/hooks'
import icon from '../icon.svg'
import { Button } from './button.tsx'
import { TextField } from './fields.tsx'
import { explain, Problem } from './problem.ts'
import { checkToken, demoSession, type Role, readToken, type SessionKeeper } from './session.ts'
import { Failure } from './states.tsx'
import { useAction } from './use-action.ts'

interface SignInProps {
  role: Role
  session: SessionKeeper
  /** One click is enough: this server looks after itself, and nobody else can reach it. */
  demo: boolean
}

const WORDS = {
  user: {
    title: 'Your balance, live',
    lead: 'See it change the moment it does: topups, payments and refunds, without reloading.',
    demo: 'Continue as the demo user',
    other: <a href="/admin">Open the admin console</a>,
  },
  admin: {
    title: 'Admin console',
    lead: 'Decide topups and withdrawals, look after users, and prove that the books are right.',
    demo: 'Continue as the demo admin',
    other: <a href="/">Open the wallet</a>,
  },
} as const

export function SignIn({ role, session, demo }: SignInProps) {
  const [text, setText] = useState('')
  const [wrong, setWrong] = useState<string>()
  const one = useAction(async () => session.signIn(await demoSession(role)))
  const words = WORDS[role]
  const title = useRef<HTMLHeadingElement>(null)
  useEffect(() => title.current?.focus(), [])

  const signIn = useAction(async () => {
    const read = readToken(text)
    if (typeof read === 'string') return setWrong(read)
    const noAdmin = `This token is of ${read.userId}, who is not an admin.`
    if (role === 'admin' && !read.isAdmin) return setWrong(noAdmin)
    try {
      await checkToken(read.token, role)
    } catch (problem) {
      if (!(problem instanceof Problem) || ![401, 403].includes(problem.status)) throw problem
      return setWrong(problem.status === 403 ? noAdmin : refused(problem))
    }
    session.signIn(read)
  })

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
            <div class="or">or with a token of your own</div>
          </>
        )}
        <form
          onSubmit={(event) => {
            event.preventDefault()
            void signIn.run()
          }}
        >
          <TextField
            label="Token"
            hint="a JWT"
            rows={4}
            value={text}
            wrong={wrong}
            placeholder="eyJhbGciOi…"
            onInput={(value) => {
              setText(value)
              setWrong(undefined)
            }}
          />
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

/** Why the server does not take a token that looks like one. */
function refused(problem: Problem): string {
  const { code, details } = problem
  if (code !== 'unauthorized') return explain(problem)
  const reason = typeof details.reason === 'string' ? ` Its reason: ${details.reason}` : ''
  return `The server does not accept this token: it may be signed with another key.${reason}`
}
