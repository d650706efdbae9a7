import { useEffect, useState } from 'preact/hooks'
import { type BalanceClient, createBalanceClient } from '../../src/client/index.ts'
import type { SessionKeeper } from '../parts/session.ts'
import { useStore } from '../parts/use-store.ts'

/** The page's one connection: as long as the page is shown and the session is the same. */
export function useClient(session: SessionKeeper, currency: string): BalanceClient | undefined {
  const who = useStore(session)
  // A demo token renews itself underneath; one that was pasted anew means to start again.
  const identity = who?.demo ? who.userId : who?.token
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
