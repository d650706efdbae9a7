import { type BalanceSnapshot, createApi, createBalanceClient } from 'livebalance/client'
import { useBalance } from 'livebalance/react'

const client = createBalanceClient({ url: 'http://localhost:3000', token: 'a token' })
client.on('balance_updated', ({ newBalance }) => newBalance.toFixed(2))
// @ts-expect-error there is no such event
client.on('balance_upset', () => {})
export const snapshot: BalanceSnapshot = client.getSnapshot()

const api = createApi({ url: 'http://localhost:3000', token: 'a token' })
export async function requestTopup(): Promise<number> {
  const answer = await api.transactions.topup.$post({ json: { amount: 50 } })
  return (await answer.json()).amount
}
// @ts-expect-error the amount is missing
api.transactions.topup.$post({ json: { description: 'nothing' } })

export function Balance({ token }: { token: string | null }) {
  const { balance, status } = useBalance(token)
  return <p title={status.state}>{balance?.toFixed(2)}</p>
}
