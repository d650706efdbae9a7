import type { Api } from '../parts/api.ts'
import type { Page } from '../parts/transaction.ts'

/** Requests of a kind that are shown at once; the rest come up as these are decided. */
const MOST = 50

/** What waits for an admin, topups and withdrawals, oldest first: who asked first is answered first. */
export async function readPending(api: Api, signal: AbortSignal): Promise<Page> {
  const withdrawals = { type: 'withdrawal', status: 'pending', limit: MOST }
  const pages = await Promise.all([
    api.get<Page>('/transactions/topup/pending', { limit: MOST }, signal),
    api.get<Page>('/transactions/all', withdrawals, signal),
  ])
  return {
    // Ids are in the order of time.
    items: pages.flatMap(({ items }) => items).sort((a, b) => (a.id < b.id ? -1 : 1)),
    nextCursor: pages.find(({ nextCursor }) => nextCursor)?.nextCursor ?? null,
  }
}
