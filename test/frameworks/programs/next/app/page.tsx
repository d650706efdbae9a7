import { type BalanceClientOptions, createIdempotencyKey } from 'livebalance/client'
import { Balance } from './balance'

type Query = Promise<Record<string, string>>

/** Rendered for each request, on the server only. */
export default async function Page({ searchParams }: { searchParams: Query }) {
  const { server = '', token = '' } = await searchParams
  const options: BalanceClientOptions = { url: server, token }
  return (
    <main>
      <p data-testid="key">{createIdempotencyKey()}</p>
      <Balance {...options} />
    </main>
  )
}
