import fc from 'fast-check'
import { expect } from 'vitest'
import { InvalidAmount, MAX_MINOR, toDecimal, toMinor, toWire } from '../../src/ledger/money.ts'
import { CURRENCIES } from '../../src/lib/currencies.ts'
import { parseJson, stringifyJson } from '../../src/lib/json.ts'
import { test } from '../support/fixtures.ts'

const currency = fc.constantFrom('JPY', 'USD', 'KWD', ...CURRENCIES.keys())
/** Often close to where something changes: a power of ten, the largest, zero. */
const minor = fc
  .oneof(
    fc.bigInt(-MAX_MINOR, MAX_MINOR),
    fc.bigInt(-2_000n, 2_000n),
    fc.bigInt(0n, 50n).map((below) => MAX_MINOR - below),
    fc.tuple(fc.nat(15), fc.bigInt(-2n, 2n)).map(([power, near]) => 10n ** BigInt(power) + near),
  )
  .filter((value) => value <= MAX_MINOR && value >= -MAX_MINOR)
const decimalsOf = (code: string) => CURRENCIES.get(code) ?? 0

test('every amount is itself again after its decimal text, and after the wire’s JSON', () => {
  fc.assert(
    fc.property(minor, currency, (amount, code) => {
      expect(toMinor(toDecimal(amount, code), code)).toBe(amount)
      const json = stringifyJson({ amount: toWire(amount, code) })
      expect(json).toBe(`{"amount":${toDecimal(amount, code)}}`)
      const read = parseJson(json) as { amount: Parameters<typeof toMinor>[0] }
      expect(toMinor(read.amount, code)).toBe(amount)
    }),
    { numRuns: 5_000 },
  )
})

test('the decimal text is the shortest: no zeros behind, no exponent, no plus', () => {
  fc.assert(
    fc.property(minor, currency, (amount, code) => {
      expect(toDecimal(amount, code)).toMatch(/^(0|-?(0|[1-9]\d*)(\.\d*[1-9])?)$/)
    }),
  )
})

test('it is the digits with the point moved: nothing is computed with fractions', () => {
  fc.assert(
    fc.property(minor, currency, fc.nat(10), (amount, code, zeros) => {
      const decimals = decimalsOf(code)
      const digits = `${amount < 0n ? -amount : amount}`.padStart(decimals + 1, '0')
      const point = digits.length - decimals
      const sign = amount < 0n ? '-' : ''
      const padded = `${digits.slice(point)}${'0'.repeat(zeros)}`
      const text = `${sign}${digits.slice(0, point)}${padded && `.${padded}`}`
      expect(toMinor(text, code)).toBe(amount)
    }),
  )
})

test('one more decimal than the currency has is refused, not rounded', () => {
  fc.assert(
    fc.property(minor, currency, fc.integer({ min: 1, max: 9 }), (amount, code, digit) => {
      const text = toDecimal(amount, code)
      const [whole, fraction = ''] = text.split('.')
      const finer = `${whole}.${fraction.padEnd(decimalsOf(code), '0')}${digit}`
      expect(() => toMinor(finer, code)).toThrow(InvalidAmount)
    }),
  )
})

test('what is beyond the largest is refused on both sides', () => {
  fc.assert(
    fc.property(fc.bigInt(MAX_MINOR + 1n, 10n ** 19n), currency, (amount, code) => {
      for (const signed of [amount, -amount]) {
        expect(() => toMinor(toDecimal(signed, code), code)).toThrow('is too large')
      }
    }),
  )
})

test('no text that is not a plain decimal is taken for one', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 12 }), (text) => {
      fc.pre(!/^-?\d{1,20}(\.\d{1,30})?$/.test(text))
      expect(() => toMinor(text, 'USD')).toThrow(InvalidAmount)
    }),
  )
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e300]) {
    expect(() => toMinor(value, 'USD')).toThrow(InvalidAmount)
  }
})

test('a JSON number with an exponent is what it says', () => {
  expect(toMinor(1e2, 'USD')).toBe(100_00n)
  expect(toMinor(1e-2, 'USD')).toBe(1n)
  expect(() => toMinor(1e-7, 'USD')).toThrow(InvalidAmount)
  expect(() => toMinor(1e21, 'USD')).toThrow(InvalidAmount)
})

test('the database has the same currencies with the same decimals', async ({ sql }) => {
  const rows = await sql<
    { code: string; decimals: number }[]
  >`select code, decimals from currencies`
  expect(new Map(rows.map(({ code, decimals }) => [code, decimals]))).toEqual(CURRENCIES)
})
