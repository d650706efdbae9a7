import type { UserRef } from './event.ts'

/** Tells its user once, by `balance_alert`, when the balance crosses the threshold to that side. */
export interface Monitor extends UserRef {
  id: string
  currency: string
  /** Minor units. */
  threshold: bigint
  direction: 'below' | 'above'
  createdAt: string
}

/** What a user may spend by one type of transaction. At least one of the two bounds is set. */
export interface SpendingLimit extends UserRef {
  type: LimitedType
  currency: string
  /** The largest single amount, in minor units. */
  maxAmount: bigint | null
  /** The largest sum, in minor units, over any `windowSeconds`. Both or neither. */
  maxSum: bigint | null
  windowSeconds: number | null
  updatedAt: string
}

/** The types of transaction that take money out of a wallet, so that a limit makes sense. */
export type LimitedType = 'booking_payment' | 'transfer' | 'withdrawal' | 'hold'

/** Balance alerts and spending limits. */
export interface LimitsAndAlerts {
  monitors(who: UserRef): Promise<Monitor[]>
  /** The same user, currency, threshold and direction again is the same monitor. Undefined: the user has 20 already. */
  putMonitor(monitor: Omit<Monitor, 'id' | 'createdAt'>): Promise<Monitor | undefined>
  /** One of the user's monitors, or all of them; says how many went. */
  deleteMonitors(who: UserRef, id?: string): Promise<number>
  /** All of the tenant's, or one user's. */
  limits(tenant: string, userId?: string): Promise<SpendingLimit[]>
  /** Replaces the limit of the same user, type and currency. */
  putLimit(limit: Omit<SpendingLimit, 'updatedAt'>): Promise<SpendingLimit>
  /** Says whether there was one. */
  deleteLimit(who: UserRef, type: LimitedType, currency: string): Promise<boolean>
}
