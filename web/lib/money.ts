import { NumberParser } from '@internationalized/number'
import { CURRENCIES } from '../../src/lib/currencies.ts'

/** The reader's languages, the preferred one first. English outside of a browser. */
const languages = (globalThis.navigator?.languages ?? ['en']) as string[]
const formats = new Map<string, Intl.NumberFormat>()

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
  let format = formats.get(key)
  if (!format) {
    format = new Intl.NumberFormat(languages, {
      style: 'currency',
      currency,
      signDisplay: signed ? 'exceptZero' : 'negative',
      minimumFractionDigits: decimalsOf(currency),
      maximumFractionDigits: decimalsOf(currency),
    })
    formats.set(key, format)
  }
  // As decimal text, because a double has digits after the last decimal that are not part of the amount.
  return format.format(plain(amount, currency) as Intl.StringNumericLiteral)
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

/** The meaning of a typed text: an amount, or an error message. */
export type TypedAmount = { amount: string; wrong?: never } | { amount?: never; wrong: string }

/**
 * Reads a typed amount in the notation of the reader's language, with or without the currency symbol. The result is
 * the decimal text that the server accepts. A text that is not a number in that language, such as `42,20` in
 * English, is read in the English or the German notation, if it has exactly one meaning there.
 */
export function readAmount(
  text: string,
  currency: string,
  { signed = false, locales = languages } = {},
): TypedAmount {
  if (text.trim() === '') return { wrong: 'Enter an amount.' }
  const [, sign = '', digits = ''] =
    /^([-+\u2212]?)(.*)$/s.exec(withoutSymbol(text, currency, locales)) ?? []
  const decimals = decimalsOf(currency)
  for (const locale of [...locales, 'en', 'de']) {
    const number = readNumber(digits, locale)
    if (!number) continue
    if (number.fraction.length > decimals) return { wrong: tooFine(currency, decimals) }
    const amount = number.fraction ? `${number.whole}.${number.fraction}` : number.whole
    if (Number(amount) === 0) return { wrong: 'Enter an amount other than zero.' }
    if (!sign || sign === '+') return { amount }
    return signed ? { amount: `-${amount}` } : { wrong: 'Enter an amount without a minus sign.' }
  }
  const sample = formatMoney(1234, currency)
  return {
    wrong: `Enter an amount such as ${sample}${signed ? ` or ${formatMoney(-25, currency)}` : ''}.`,
  }
}

function tooFine(currency: string, decimals: number): string {
  return decimals === 0
    ? `${currency} has no decimals.`
    : `${currency} has at most ${decimals} decimals.`
}

/** Digits of any script, with or without a decimal sign. */
const PLAIN = /^(\p{Nd}{1,20})(?:([.,٫،])(\p{Nd}{1,20}))?$/u
/** The same in groups with one separator: three digits in the last group, two or three in the others. */
const GROUPED =
  /^(\p{Nd}{1,3}([\s'’.,٬])(?:\p{Nd}{2,3}\2){0,6}\p{Nd}{3})(?:(?!\2)([.,٫،])(\p{Nd}{1,20}))?$/u

/** The digits of a number in the notation of this language. Undefined if the text is not a number there. */
function readNumber(text: string, locale: string): { whole: string; fraction: string } | undefined {
  const [, plainWhole, plainSign = '.', plainFraction = ''] = PLAIN.exec(text) ?? []
  const integer = (digits: string, useGrouping: boolean) => {
    const parser = new NumberParser(locale, { maximumFractionDigits: 0, useGrouping })
    return parser.isValidPartialNumber(digits) ? parser.parse(digits) : Number.NaN
  }
  // Whether this sign is the decimal separator, tested with digits of the same script.
  const parts = (sign: string, digits: string) =>
    digits === '' ||
    new NumberParser(locale, { useGrouping: false }).isValidPartialNumber(digits + sign + digits)
  // Digit by digit, because leading zeros count.
  const fractionOf = (digits: string) => [...digits].map((digit) => integer(digit, false)).join('')

  if (plainWhole !== undefined && parts(plainSign, plainFraction)) {
    const whole = integer(plainWhole, false)
    if (Number.isSafeInteger(whole))
      return { whole: `${whole}`, fraction: fractionOf(plainFraction) }
  }
  const [, grouped, group = '', sign = '.', fraction = ''] = GROUPED.exec(text) ?? []
  if (grouped === undefined || !parts(sign, fraction)) return undefined
  // In every language, spaces and apostrophes only separate groups.
  const whole = /[\s'’]/.test(group)
    ? integer(grouped.replaceAll(group, ''), false)
    : integer(grouped, true)
  if (!Number.isSafeInteger(whole)) return undefined
  return { whole: `${whole}`, fraction: fractionOf(fraction) }
}

/** The text without direction marks and without the currency's code or symbol. */
function withoutSymbol(text: string, currency: string, locales: readonly string[]): string {
  const symbols = [...locales, 'en'].flatMap((locale) =>
    (['symbol', 'narrowSymbol'] as const).map(
      (currencyDisplay) =>
        new Intl.NumberFormat(locale, { style: 'currency', currency, currencyDisplay })
          .formatToParts(1)
          .find(({ type }) => type === 'currency')?.value ?? '',
    ),
  )
  let rest = text.replace(/\p{Cf}/gu, '').trim()
  // The longest first: `US$` before `$`.
  for (const symbol of [currency, ...symbols].sort((a, b) => b.length - a.length)) {
    rest = rest.replace(symbol.replace(/\p{Cf}/gu, ''), '')
  }
  return rest.trim().replace(/^([-+\u2212])\s+/, '$1')
}
