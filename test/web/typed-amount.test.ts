import { describe, expect, test } from 'vitest'
import { readAmount } from '../../web/parts/money.ts'

describe('a typed amount', () => {
  test.each([
    ['25', 'USD', '25'],
    ['25.5', 'USD', '25.5'],
    ['42,20', 'USD', '42.20'],
    ['1 250,00', 'EUR', '1250.00'],
    ['1\u00a0250,00', 'EUR', '1250.00'],
    ["1'250.00", 'CHF', '1250.00'],
    ['1.250', 'KWD', '1.250'],
  ])('%s %s is %s', (text, currency, amount) => {
    expect(readAmount(text, currency)).toBe(amount)
  })

  test.each(['', '0', '0.00', 'ten', '-5', '1,000', '1.000', '1.000,50', '1e3', '5.', '.5', '٣'])(
    '%j is asked about, not guessed at',
    (text) => {
      expect(readAmount(text, 'USD')).toBeUndefined()
    },
  )

  test.each([
    ['-5', '-5'],
    ['\u22125', '-5'],
    ['+5', '5'],
  ])('%s may carry a sign where that makes sense', (text, amount) => {
    expect(readAmount(text, 'USD', { signed: true })).toBe(amount)
  })
})
