import { NumberParser } from '@internationalized/number'
import { CURRENCIES } from '../../src/lib/currencies.ts'

/** The reader's, the preferred first; English where nobody reads. */
const languages = (globalThis.navigator?.languages ?? ['en']) as string[]
const formats = new Map<string, Intl.NumberFormat>()

/**
 * Major units in the reader's own way of writing this currency, with the decimals of ISO 4217: browsers
 * know fewer of some. `signed` puts a plus before gains.
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
  // As decimal text: what a double adds behind the last decimal is not part of the amount.
  return format.format(plain(amount, currency) as Intl.StringNumericLiteral)
}

/** Whether a double holds this amount to its last digit. */
export function isExact(amount: number, currency: string): boolean {
  return plain(amount, currency).replace(/\D/g, '').length <= 15
}

/** `a - b`, exactly: doubles of large balances have no cents to subtract. */
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
 * Decimal text with all decimals of the currency. An amount that a double cannot hold comes from `parseJson` as
 * an object, which knows its digits.
 */
function plain(amount: number | string, currency: string): string {
  const decimals = decimalsOf(currency)
  if (typeof amount === 'number') return amount.toFixed(decimals)
  const [whole = '0', fraction = ''] = String(amount).split('.')
  return decimals === 0 ? whole : `${whole}.${fraction.padEnd(decimals, '0')}`
}

/** What a typed amount means; `wrong` says in words why it means none. */
export type TypedAmount = { amount: string; wrong?: never } | { amount?: never; wrong: string }

/**
 * Reads a typed amount as its reader's language writes it, with or without the currency's sign: the plain
 * decimal text that the server takes. A text that is no number there, such as `42,20` in English, is read
 * as the other half of the world writes it, which then leaves one meaning only.
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
/** The same in groups: all parted by the same sign, three digits in the last, as in India two in others. */
const GROUPED =
  /^(\p{Nd}{1,3}([\s'’.,٬])(?:\p{Nd}{2,3}\2){0,6}\p{Nd}{3})(?:(?!\2)([.,٫،])(\p{Nd}{1,20}))?$/u

/** The digits of a number as this language writes it; undefined where it does not write it so. */
function readNumber(text: string, locale: string): { whole: string; fraction: string } | undefined {
  const [, plainWhole, plainSign = '.', plainFraction = ''] = PLAIN.exec(text) ?? []
  const integer = (digits: string, useGrouping: boolean) => {
    const parser = new NumberParser(locale, { maximumFractionDigits: 0, useGrouping })
    return parser.isValidPartialNumber(digits) ? parser.parse(digits) : Number.NaN
  }
  // Whether this sign parts whole from fraction. It is asked of the digits' own script.
  const parts = (sign: string, digits: string) =>
    digits === '' ||
    new NumberParser(locale, { useGrouping: false }).isValidPartialNumber(digits + sign + digits)
  // Digit by digit: their number may have zeros in front.
  const fractionOf = (digits: string) => [...digits].map((digit) => integer(digit, false)).join('')

  if (plainWhole !== undefined && parts(plainSign, plainFraction)) {
    const whole = integer(plainWhole, false)
    if (Number.isSafeInteger(whole))
      return { whole: `${whole}`, fraction: fractionOf(plainFraction) }
  }
  const [, grouped, group = '', sign = '.', fraction = ''] = GROUPED.exec(text) ?? []
  if (grouped === undefined || !parts(sign, fraction)) return undefined
  // Spaces and apostrophes part groups in every language, and nothing else.
  const whole = /[\s'’]/.test(group)
    ? integer(grouped.replaceAll(group, ''), false)
    : integer(grouped, true)
  if (!Number.isSafeInteger(whole)) return undefined
  return { whole: `${whole}`, fraction: fractionOf(fraction) }
}

/** The text without marks of direction and the currency's code or sign, in whichever place. */
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
