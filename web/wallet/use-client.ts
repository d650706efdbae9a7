import { useEffect, useState } from 'preact/hooks'
import { type BalanceClient, createBalanceClient } from '../../src/client/index.ts'
import { useStore } from '../hooks/use-store.ts'
import type { SessionKeeper } from '../lib/session.ts'

/** The page's client. It is replaced when the session changes. */
export function useClient(session: SessionKeeper): BalanceClient | undefined {
  const current = useStore(session)
  // A demo token is renewed without a new client. A newly pasted token needs a new client.
  const identity = current?.demo ? current.userId : current?.token
  const [client, setClient] = useState<BalanceClient>()
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new identity is a new connection
  useEffect(() => {
    const client = createBalanceClient({
      url: location.origin,
      getToken: () => session.token(),
      transport: 'auto',
      // However many payments there are, nobody reads more, and a phone would spend its battery on them.
      maxRate: 4,
    })
    setClient(client)
    return () => client.close()
  }, [session, identity])
  return client
}
