import type { BalanceClient } from '../../src/client/index.ts'
import type { Api } from '../lib/api.ts'
import type { Transaction } from '../lib/transaction.ts'
import type { Funds } from './use-balances.ts'
import type { Route } from './use-place.ts'

/** What every section of the wallet gets. */
export interface SectionProps {
  api: Api
  client: BalanceClient
  route: Route
  userId: string
  /** The currency that the page shows. */
  currency: string
  /** The user's currencies, and the shown one. */
  balances: readonly Funds[]
  currencies: readonly string[]
  /** Whether the page receives every change as it happens. */
  live: boolean
  /** A new value means that the user's transactions may have changed. */
  version: unknown
  /** Called after the user changed something. */
  done: (transaction?: Transaction) => void
}
