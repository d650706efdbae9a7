import { toDecimal } from '../ledger/money.ts'
import type { Language, NotificationKind } from './push.ts'

/** The text of one notification. */
export interface PushText {
  title: string
  body: string
}

/** The figures that a text can name, already written in its language. */
interface Figures {
  /** With its sign. */
  change: string
  balance: string
  /** Of a refused or failed transaction, without a sign. */
  amount: string
  shortfall: string
  count: number
}

/** `several`: a summary that is not of the quiet hours. */
type TextKind = NotificationKind | 'several'

interface Texts {
  /** With amounts. */
  full: Record<TextKind, (figures: Figures) => PushText>
  /** Without: they may be on a screen that others see. */
  plain: Record<TextKind, PushText>
}

const TEXTS: Record<Language, Texts> = {
  en: {
    full: {
      change: ({ change, balance }) => ({ title: change, body: `Balance: ${balance}` }),
      low_balance: ({ change, balance }) => ({
        title: `Low balance: ${balance}`,
        body: `Last change: ${change}`,
      }),
      payment_failed: ({ amount, shortfall }) => ({
        title: `Payment declined: ${amount}`,
        body: `Your balance is ${shortfall} too low.`,
      }),
      topup_completed: ({ change, balance }) => ({
        title: `Topup completed: ${change}`,
        body: `Balance: ${balance}`,
      }),
      topup_failed: ({ amount, balance }) => ({
        title: `Topup rejected: ${amount}`,
        body: `Balance: ${balance}`,
      }),
      summary: ({ count, balance }) => ({
        title: `${count} changes during your quiet hours`,
        body: `Balance: ${balance}`,
      }),
      several: ({ count, balance }) => ({
        title: `${count} changes`,
        body: `Balance: ${balance}`,
      }),
    },
    plain: {
      change: { title: 'Your balance changed', body: 'Open your wallet to see it.' },
      low_balance: { title: 'Your balance is low', body: 'Open your wallet to see it.' },
      payment_failed: { title: 'Payment declined', body: 'Your balance is too low.' },
      topup_completed: { title: 'Topup completed', body: 'Open your wallet to see it.' },
      topup_failed: { title: 'Topup rejected', body: 'Open your wallet to see it.' },
      summary: { title: 'News from your quiet hours', body: 'Open your wallet to see it.' },
      several: { title: 'Your balance changed several times', body: 'Open your wallet to see it.' },
    },
  },
  de: {
    full: {
      change: ({ change, balance }) => ({ title: change, body: `Guthaben: ${balance}` }),
      low_balance: ({ change, balance }) => ({
        title: `Niedriges Guthaben: ${balance}`,
        body: `Letzte Änderung: ${change}`,
      }),
      payment_failed: ({ amount, shortfall }) => ({
        title: `Zahlung abgelehnt: ${amount}`,
        body: `Es fehlen ${shortfall}.`,
      }),
      topup_completed: ({ change, balance }) => ({
        title: `Aufladung gutgeschrieben: ${change}`,
        body: `Guthaben: ${balance}`,
      }),
      topup_failed: ({ amount, balance }) => ({
        title: `Aufladung abgelehnt: ${amount}`,
        body: `Guthaben: ${balance}`,
      }),
      summary: ({ count, balance }) => ({
        title: `${count} Änderungen während der Ruhezeit`,
        body: `Guthaben: ${balance}`,
      }),
      several: ({ count, balance }) => ({
        title: `${count} Änderungen`,
        body: `Guthaben: ${balance}`,
      }),
    },
    plain: {
      change: { title: 'Ihr Guthaben hat sich geändert', body: 'Mehr dazu in Ihrer Wallet.' },
      low_balance: { title: 'Ihr Guthaben ist niedrig', body: 'Mehr dazu in Ihrer Wallet.' },
      payment_failed: { title: 'Zahlung abgelehnt', body: 'Ihr Guthaben reicht nicht aus.' },
      topup_completed: { title: 'Aufladung gutgeschrieben', body: 'Mehr dazu in Ihrer Wallet.' },
      topup_failed: { title: 'Aufladung abgelehnt', body: 'Mehr dazu in Ihrer Wallet.' },
      summary: { title: 'Neues aus Ihrer Ruhezeit', body: 'Mehr dazu in Ihrer Wallet.' },
      several: {
        title: 'Ihr Guthaben hat sich mehrmals geändert',
        body: 'Mehr dazu in Ihrer Wallet.',
      },
    },
  },
  vi: {
    full: {
      change: ({ change, balance }) => ({ title: change, body: `Số dư: ${balance}` }),
      low_balance: ({ change, balance }) => ({
        title: `Số dư thấp: ${balance}`,
        body: `Thay đổi gần nhất: ${change}`,
      }),
      payment_failed: ({ amount, shortfall }) => ({
        title: `Thanh toán bị từ chối: ${amount}`,
        body: `Số dư còn thiếu ${shortfall}.`,
      }),
      topup_completed: ({ change, balance }) => ({
        title: `Nạp tiền thành công: ${change}`,
        body: `Số dư: ${balance}`,
      }),
      topup_failed: ({ amount, balance }) => ({
        title: `Yêu cầu nạp tiền bị từ chối: ${amount}`,
        body: `Số dư: ${balance}`,
      }),
      summary: ({ count, balance }) => ({
        title: `${count} thay đổi trong giờ yên lặng`,
        body: `Số dư: ${balance}`,
      }),
      several: ({ count, balance }) => ({
        title: `${count} thay đổi`,
        body: `Số dư: ${balance}`,
      }),
    },
    plain: {
      change: { title: 'Số dư của bạn đã thay đổi', body: 'Mở ví để xem chi tiết.' },
      low_balance: { title: 'Số dư của bạn đang thấp', body: 'Mở ví để xem chi tiết.' },
      payment_failed: { title: 'Thanh toán bị từ chối', body: 'Số dư không đủ.' },
      topup_completed: { title: 'Nạp tiền thành công', body: 'Mở ví để xem chi tiết.' },
      topup_failed: { title: 'Yêu cầu nạp tiền bị từ chối', body: 'Mở ví để xem chi tiết.' },
      summary: { title: 'Tin mới trong giờ yên lặng', body: 'Mở ví để xem chi tiết.' },
      several: { title: 'Số dư của bạn đã thay đổi nhiều lần', body: 'Mở ví để xem chi tiết.' },
    },
  },
}

/** Amounts in minor units of `currency`. */
export interface RawFigures {
  currency: string
  change: bigint
  balance: bigint
  amount: bigint
  shortfall: bigint
  count: number
}

export function textOf(
  kind: TextKind,
  language: Language,
  figures: RawFigures | undefined,
): PushText {
  const { full, plain } = TEXTS[language]
  if (!figures) return plain[kind]
  const { currency, count } = figures
  const write = (minor: bigint, signDisplay: 'auto' | 'exceptZero' = 'auto') =>
    money(minor, currency, language, signDisplay)
  return full[kind]({
    change: write(figures.change, 'exceptZero'),
    balance: write(figures.balance),
    amount: write(figures.amount),
    shortfall: write(figures.shortfall),
    count,
  })
}

const formats = new Map<string, Intl.NumberFormat>()

function money(
  minor: bigint,
  currency: string,
  language: Language,
  signDisplay: 'auto' | 'exceptZero',
): string {
  const key = `${language} ${currency} ${signDisplay}`
  const options = { style: 'currency', currency, signDisplay } as const
  const format = formats.get(key) ?? new Intl.NumberFormat(language, options)
  formats.set(key, format)
  // Text, because a double has not every digit of it.
  return format.format(toDecimal(minor, currency) as unknown as number)
}
