import type { LedgerEvent } from '../ledger/event.ts'

/** The languages that notifications are written in. */
export const LANGUAGES = ['en', 'de', 'vi'] as const

export type Language = (typeof LANGUAGES)[number]

/** Amounts in minor units by currency. */
export type Thresholds = Readonly<Record<string, bigint>>

/** What a user is notified of. */
export interface PushRules {
  /** The balance changed by at least so much, up or down. A currency that is not named: every change. */
  changes: { on: boolean; atLeast: Thresholds }
  /** A change took the balance below so much, where it was not before. A currency that is not named: never. */
  lowBalance: { on: boolean; below: Thresholds }
  /** A debit was refused because the balance was too low. */
  paymentFailed: { on: boolean }
  /** A topup was completed or rejected. */
  topups: { on: boolean }
}

/** Of users who have chosen nothing yet. */
export const DEFAULT_RULES: PushRules = {
  changes: { on: true, atLeast: {} },
  lowBalance: { on: false, below: {} },
  paymentFailed: { on: true },
  topups: { on: true },
}

/** Every day from one minute of the day to another, in the user's time zone. `from` may be the later one. */
export interface QuietHours {
  /** Minutes after midnight. */
  from: number
  to: number
  /** IANA, such as `Asia/Ho_Chi_Minh`. */
  timeZone: string
}

export interface PushSettings {
  rules: PushRules
  quietHours: QuietHours | null
}

/** A device as its user sees it. Its address is a secret between it and the server. */
export interface PushDevice {
  id: string
  kind: string
  /** The origin of the push service. */
  service: string
  label: string | null
  language: Language
  /** Whether its notifications name amounts. */
  figures: boolean
  /** A short reason, if the last attempt failed. */
  lastError: string | null
  createdAt: string
  updatedAt: string
}

/** Where a device is reached. */
export interface PushAddress {
  kind: string
  /** For `web`: the endpoint of the subscription. */
  address: string
  /** For `web`: `p256dh` and `auth` of the subscription. */
  keys: Readonly<Record<string, string>>
}

/** A device with what decides about its notifications. */
export interface PushTarget extends PushAddress, PushSettings {
  id: string
  language: Language
  figures: boolean
  /** A page shows the user's wallet now. */
  visible: boolean
  /** The last events that it was told of, or did not want. */
  before: readonly LedgerEvent[]
}

export const NOTIFICATION_KINDS = [
  'change',
  'low_balance',
  'payment_failed',
  'topup_completed',
  'topup_failed',
  'summary',
] as const

export type NotificationKind = (typeof NOTIFICATION_KINDS)[number]

/** The message that a device gets, as JSON. It has no amount for a device that wants none. */
export interface PushMessage {
  kind: NotificationKind
  /** Of the newest event that it is about. */
  id: string
  /** A repeated or later message with the same tag replaces it. */
  tag: string
  title: string
  body: string
  language: Language
  /** ISO 8601, of the event. */
  timestamp: string
}

/** The rules as they are stored: only what the user chose, with numbers for amounts. */
export interface StoredRules {
  changes?: { on: boolean; atLeast: Record<string, number> }
  lowBalance?: { on: boolean; below: Record<string, number> }
  paymentFailed?: { on: boolean }
  topups?: { on: boolean }
}

export function toRules(stored: StoredRules | null): PushRules {
  const { changes, lowBalance, paymentFailed, topups } = { ...DEFAULT_RULES, ...stored }
  return {
    changes: { on: changes.on, atLeast: toThresholds(changes.atLeast) },
    lowBalance: { on: lowBalance.on, below: toThresholds(lowBalance.below) },
    paymentFailed,
    topups,
  }
}

/** Amounts are within 2^53 - 1, so that numbers are exact. */
export function toStored({ changes, lowBalance, ...rest }: Partial<PushRules>): StoredRules {
  return {
    ...rest,
    ...(changes && { changes: { on: changes.on, atLeast: toNumbers(changes.atLeast) } }),
    ...(lowBalance && { lowBalance: { on: lowBalance.on, below: toNumbers(lowBalance.below) } }),
  }
}

const toThresholds = (amounts: Record<string, number | bigint>): Thresholds =>
  Object.fromEntries(Object.entries(amounts).map(([code, amount]) => [code, BigInt(amount)]))

const toNumbers = (amounts: Thresholds): Record<string, number> =>
  Object.fromEntries(Object.entries(amounts).map(([code, amount]) => [code, Number(amount)]))
