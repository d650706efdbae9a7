import { type BalanceClientOptions, createBalanceClient } from 'livebalance/client'
import { onScopeDispose, shallowRef } from 'vue'

/** The live balance, until the component is unmounted. */
export function useBalance(options: BalanceClientOptions) {
  const client = createBalanceClient(options)
  const snapshot = shallowRef(client.getSnapshot())
  client.subscribe(() => {
    snapshot.value = client.getSnapshot()
  })
  onScopeDispose(() => client.close())
  return snapshot
}
