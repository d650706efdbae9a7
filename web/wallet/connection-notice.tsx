import { useEffect, useState } from 'preact/hooks'
import type { BalanceClient, BalanceSnapshot } from '../../src/client/index.ts'
import { Button } from '../components/button.tsx'
import { lazy } from '../components/lazy.tsx'
import { useStore } from '../hooks/use-store.ts'
import { words } from '../lib/language.ts'
import { explain, Problem } from '../lib/problem.ts'
import type { SessionKeeper } from '../lib/session.ts'
import { shortTime } from '../lib/time.ts'

const FreshToken = lazy(async () => (await import('./fresh-token.tsx')).FreshToken, { lines: 1 })

interface NoticeProps {
  client: BalanceClient
  snapshot: BalanceSnapshot
  session: SessionKeeper
}

/** Says why the connection was refused, or that its token is about to expire, and offers a way to continue. */
export function ConnectionNotice({ client, snapshot, session }: NoticeProps) {
  const { state } = snapshot.status
  const { connection: text } = words()
  const current = useStore(session)
  const [ending, setEnding] = useState<string>()
  const [asking, setAsking] = useState(false)
  useEffect(() => {
    setEnding(undefined)
    return client.on('token_expiring', ({ expiresAt }) => setEnding(expiresAt))
  }, [client])

  const pasted = current !== null && !current.demo
  const soon = pasted && ending !== undefined && state === 'live'
  const { code = 'unauthorized', message = '' } = snapshot.error ?? {}
  // The client goes on trying, but it can take days.
  const suspended = code === 'tenant_suspended'
  if (state !== 'refused' && !suspended && !soon && !asking) return null

  const isToken = ['unauthorized', 'token_expired', 'token_revoked'].includes(code)
  return (
    <div class={`notice wide ${soon ? 'wait' : 'loss'}`} role="alert">
      <span>
        {soon
          ? (current.sso ? text.endingThere : text.ending)(shortTime(ending))
          : explain(new Problem(401, code, message))}
      </span>
      {pasted && (soon || isToken) ? (
        <Button
          kind="quiet compact"
          onClick={() => (current.sso ? session.signOut() : setAsking(true))}
        >
          {current.sso ? words().signIn.submit : text.paste}
        </Button>
      ) : (
        <Button kind="quiet compact" onClick={() => client.refresh()}>
          {words().common.tryAgain}
        </Button>
      )}
      {asking && <FreshToken session={session} close={() => setAsking(false)} />}
    </div>
  )
}
