import { useEffect, useState } from 'preact/hooks'
import type { BalanceClient, BalanceSnapshot } from '../../src/client/index.ts'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { TokenField, usePastedToken } from '../components/token-field.tsx'
import { useStore } from '../hooks/use-store.ts'
import { explain, Problem } from '../lib/problem.ts'
import type { SessionKeeper } from '../lib/session.ts'
import { shortTime } from '../lib/time.ts'

interface NoticeProps {
  client: BalanceClient
  snapshot: BalanceSnapshot
  session: SessionKeeper
}

/** Offers a way to continue if the connection was refused, or its token is about to expire. */
export function ConnectionNotice({ client, snapshot, session }: NoticeProps) {
  const { state } = snapshot.status
  const current = useStore(session)
  const [ending, setEnding] = useState<string>()
  const [asking, setAsking] = useState(false)
  useEffect(() => {
    setEnding(undefined)
    return client.on('token_expiring', ({ expiresAt }) => setEnding(expiresAt))
  }, [client])

  const pasted = current !== null && !current.demo
  const soon = pasted && ending !== undefined && state === 'live'
  if (state !== 'refused' && !soon && !asking) return null

  const { code = 'unauthorized', message = '' } = snapshot.error ?? {}
  const isToken = ['unauthorized', 'token_expired', 'token_revoked'].includes(code)
  return (
    <div class={`notice wide ${soon ? 'wait' : 'loss'}`} role="alert">
      <span>
        {soon
          ? `Your session ends at ${shortTime(ending)}. Paste a fresh token to stay signed in.`
          : explain(new Problem(401, code, message))}
      </span>
      {pasted && (soon || isToken) ? (
        <Button kind="quiet compact" onClick={() => setAsking(true)}>
          Paste a fresh token
        </Button>
      ) : (
        <Button kind="quiet compact" onClick={() => client.refresh()}>
          Try again
        </Button>
      )}
      {asking && <FreshToken session={session} close={() => setAsking(false)} />}
    </div>
  )
}

function FreshToken({ session, close }: { session: SessionKeeper; close: () => void }) {
  const token = usePastedToken('user', session, close)
  const { signIn } = token
  return (
    <Dialog
      title="Paste a fresh token"
      verb="Stay signed in"
      action={signIn}
      onSubmit={() => void signIn.run()}
      onClose={close}
    >
      <TokenField {...token} />
    </Dialog>
  )
}
