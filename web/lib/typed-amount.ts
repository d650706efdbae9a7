import { NumberParser } from '@internationalized/number'
import { locales as ofReader, words } from './language.ts'
import { decimalsOf, formatMoney } from './money.ts'

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
  { signed = false, locales = ofReader() as readonly string[] } = {},
): TypedAmount {
  if (text.trim() === '') return { wrong: words().typed.missing }
  const [, sign = '', digits = ''] =
    /^([-+\u2212]?)(.*)$/s.exec(withoutSymbol(text, currency, locales)) ?? []
  const decimals = decimalsOf(currency)
  for (const locale of [...locales, 'en', 'de']) {
    const number = readNumber(digits, locale)
    if (!number) continue
    if (number.fraction.length > decimals)
      return { wrong: words().typed.decimals(currency, decimals) }
    const amount = number.fraction ? `${number.whole}.${number.fraction}` : number.whole
    if (Number(amount) === 0) return { wrong: words().typed.zero }
    if (!sign || sign === '+') return { amount }
    return signed ? { amount: `-${amount}` } : { wrong: words().typed.minus }
  }
  const sample = formatMoney(1234, currency)
  return {
    wrong: signed
      ? words().typed.examples(sample, formatMoney(-25, currency))
      : words().typed.example(sample),
  }
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
