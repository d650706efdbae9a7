import { useEffect, useState } from 'preact/hooks'
import type { BalanceClient } from '../../src/client/index.ts'
import { type Loaded, useLoaded } from '../hooks/use-loaded.ts'
import type { Api } from '../lib/api.ts'
import { subtract } from '../lib/money.ts'

/** The user's money in one currency, in major units. `available` is exact. */
export interface Funds {
  currency: string
  balance: number
  held: number
  available: number | string
}

interface Answer {
  items: Funds[]
  seq: number
}

/** The balance in each currency: as it was read, updated by the events of the stream. */
export function useBalances(
  api: Api,
  client: BalanceClient,
  version: unknown,
): Loaded<Answer> & { items: Funds[] } {
  const loaded = useLoaded(
    (signal) => api.get<Answer>('/transactions/balance/all', {}, signal),
    [api],
    version,
  )
  const [news, setNews] = useState<ReadonlyMap<string, { seq: number; balance: number }>>(new Map())
  useEffect(() => {
    const stops = [
      client.on('balance_updated', ({ currency, seq, newBalance: balance }) =>
        setNews((news) => new Map(news).set(currency, { seq, balance })),
      ),
      // The stream starts over, and its `seq` may start over too.
      client.on('balance_initial', ({ recovered }) => {
        if (recovered === false) setNews(new Map())
      }),
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }, [client])

  const { items: read = [], seq = -1 } = loaded.value ?? {}
  const known = read.map((funds) => {
    const { currency, held } = funds
    const newer = news.get(currency)
    if (!newer || newer.seq <= seq) return funds
    const { balance } = newer
    return { ...funds, balance, available: subtract(balance, held, currency) }
  })
  const added = [...news]
    .filter(([currency]) => !read.some((funds) => funds.currency === currency))
    .map(([currency, { balance }]) => ({ currency, balance, held: 0, available: balance }))
  return { ...loaded, items: [...known, ...added] }
}
