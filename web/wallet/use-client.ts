import { useEffect, useState } from 'preact/hooks'
import { type BalanceClient, createBalanceClient } from '../../src/client/index.ts'
import { useStore } from '../hooks/use-store.ts'
import type { SessionKeeper } from '../lib/session.ts'

/** The page's one connection: as long as the page is shown and the session is the same. */
export function useClient(session: SessionKeeper, currency: string): BalanceClient | undefined {
  const current = useStore(session)
  // A demo token renews itself underneath; one that was pasted anew means to start again.
  const identity = current?.demo ? current.userId : current?.token
  const [client, setClient] = useState<BalanceClient>()
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new identity is a new connection
  useEffect(() => {
    const client = createBalanceClient({
      url: location.origin,
      getToken: () => session.token(),
      transport: 'auto',
      currency,
    })
    setClient(client)
    return () => client.close()
  }, [session, identity, currency])
  return client
}
