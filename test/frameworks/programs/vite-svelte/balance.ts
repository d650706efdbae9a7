import { type BalanceClientOptions, createBalanceClient } from 'livebalance/client'
import { readable } from 'svelte/store'

/** The live balance as a Svelte store. It connects with the first subscriber, and closes with the last. */
export function balanceStore(options: BalanceClientOptions) {
  return readable<number | null>(null, (set) => {
    const client = createBalanceClient(options)
    client.subscribe(() => set(client.getSnapshot().balance))
    return () => client.close()
  })
}
