import type { LosslessNumber } from 'lossless-json'
import { CURRENCIES } from '../lib/currencies.ts'
import { ExactNumber } from '../lib/json.ts'

/** The largest amount or balance, in minor units. */
export const MAX_MINOR = 2n ** 53n - 1n

/** An amount was refused. The caller may see `message`. */
export class InvalidAmount extends Error {
  override readonly name = 'InvalidAmount'
}

/**
 * Major units, as they come over the wire, to minor units. It uses decimal text only, never a double.
 * @param input a JSON number or a plain decimal string (`"150.50"`)
 * @param currency an ISO 4217 code of `CURRENCIES`
 * @throws InvalidAmount for a currency or notation that is not known, too many decimals, or an amount beyond ±(2^53−1) minor units
 */
export function toMinor(input: number | string | LosslessNumber, currency: string): bigint {
  const decimals = decimalsOf(currency)
  const text = typeof input === 'string' ? input : plainDecimal(String(input))
  const parts = /^(-?)(\d{1,20})(?:\.(\d{1,30}))?$/.exec(text)
  if (!parts) throw new InvalidAmount('must be a decimal number, such as 150.5')
  const [, sign, whole = '', fraction = ''] = parts
  const significant = withoutZeros(fraction)
  if (significant.length > decimals) {
    throw new InvalidAmount(`has more than ${decimals} decimals, which is all that ${currency} has`)
  }
  const minor = BigInt(whole + significant.padEnd(decimals, '0'))
  if (minor > MAX_MINOR) throw new InvalidAmount('is too large')
  return sign ? -minor : minor
}

/** `1e-7` and `1E2`, which JSON allows, as plain decimals. NaN and Infinity stay as they are, and are refused. */
function plainDecimal(text: string): string {
  const parts = /^(-?)(\d+)(?:\.(\d+))?[eE]([+-]?\d{1,3})$/.exec(text)
  if (!parts) return text
  const [, sign, whole = '', fraction = '', exponent = '0'] = parts
  const digits = whole + fraction
  const point = whole.length + Number(exponent)
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  if (point >= digits.length) return sign + digits.padEnd(point, '0')
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
}

/** Minor units as the shortest plain decimal text: 15050n USD is `"150.5"`. The form of Redis keys and the wire. */
export function toDecimal(minor: bigint, currency: string): string {
  const decimals = decimalsOf(currency)
  const digits = (minor < 0n ? -minor : minor).toString().padStart(decimals + 1, '0')
  const whole = digits.slice(0, digits.length - decimals)
  const fraction = withoutZeros(digits.slice(digits.length - decimals))
  return `${minor < 0n ? '-' : ''}${whole}${fraction && `.${fraction}`}`
}

/** Minor units as the wire's JSON number. Encode what holds it with `stringifyJson`. */
export function toWire(minor: bigint, currency: string): number | ExactNumber {
  return wireNumber(toDecimal(minor, currency))
}

/** Plain decimal text as the wire's JSON number, to the last digit. */
export function wireNumber(text: string): number | ExactNumber {
  return text.length <= 15 ? Number(text) : new ExactNumber(text)
}

/** Removes the zeros at the end. `/0+$/` would take quadratic time. */
function withoutZeros(digits: string): string {
  let end = digits.length
  while (digits[end - 1] === '0') end -= 1
  return digits.slice(0, end)
}

function decimalsOf(currency: string): number {
  const decimals = CURRENCIES.get(currency)
  if (decimals === undefined)
    throw new InvalidAmount(`is in ${currency}, which is no known currency`)
  return decimals
}
