import { CURRENCIES } from '../../src/lib/currencies.ts'
import { isolated, locales, perLocales } from './language.ts'

const formats = perLocales(() => new Map<string, Intl.NumberFormat>())

/**
 * Formats major units in the reader's language, with the decimals of ISO 4217: for some currencies, browsers use
 * fewer. `signed` puts a plus before gains.
 */
export function formatMoney(
  amount: number | string,
  currency: string,
  { signed = false } = {},
): string {
  const key = `${currency}${signed}`
  let format = formats().get(key)
  if (!format) {
    format = new Intl.NumberFormat(locales() as string[], {
      style: 'currency',
      currency,
      signDisplay: signed ? 'exceptZero' : 'negative',
      minimumFractionDigits: decimalsOf(currency),
      maximumFractionDigits: decimalsOf(currency),
    })
    formats().set(key, format)
  }
  // As decimal text, because a double has digits after the last decimal that are not part of the amount.
  return isolated(format.format(plain(amount, currency) as Intl.StringNumericLiteral))
}

/** Whether a double represents this amount exactly. */
export function isExact(amount: number, currency: string): boolean {
  return plain(amount, currency).replace(/\D/g, '').length <= 15
}

/** `a - b`, computed exactly, because doubles of large balances lose their cents. */
export function subtract(a: number | string, b: number | string, currency: string): string {
  const minor = (amount: number | string) => BigInt(plain(amount, currency).replace('.', ''))
  const difference = minor(a) - minor(b)
  const digits = String(difference < 0n ? -difference : difference)
  const decimals = decimalsOf(currency)
  const padded = digits.padStart(decimals + 1, '0')
  const whole = padded.slice(0, padded.length - decimals)
  const text = decimals === 0 ? whole : `${whole}.${padded.slice(-decimals)}`
  return difference < 0n ? `-${text}` : text
}

export function decimalsOf(currency: string): number {
  return CURRENCIES.get(currency) ?? 2
}

/** The amount without its sign, as decimal text. */
export function absolute(amount: number | string, currency: string): string {
  return plain(amount, currency).replace(/^-/, '')
}

/**
 * Decimal text with all decimals of the currency. `parseJson` returns an object for an amount that a double cannot
 * represent, and its string has all digits.
 */
function plain(amount: number | string, currency: string): string {
  const decimals = decimalsOf(currency)
  if (typeof amount === 'number') return amount.toFixed(decimals)
  const [whole = '0', fraction = ''] = String(amount).split('.')
  return decimals === 0 ? whole : `${whole}.${fraction.padEnd(decimals, '0')}`
}
