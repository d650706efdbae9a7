import { describe, expect, test } from 'vitest'
import { parseJson } from '../../src/lib/json.ts'
import { absolute, formatMoney, subtract } from '../../web/lib/money.ts'
import { readAmount } from '../../web/lib/typed-amount.ts'

const typed = (text: string, currency: string, locale = 'en-US') =>
  readAmount(text, currency, { locales: [locale] })

describe('a typed amount', () => {
  test.each([
    ['25', 'USD', 'en-US', '25'],
    ['25.5', 'USD', 'en-US', '25.5'],
    ['007', 'USD', 'en-US', '7'],
    ['1,000.50', 'USD', 'en-US', '1000.50'],
    ['1,000', 'USD', 'en-US', '1000'],
    ['$50', 'USD', 'en-US', '50'],
    ['$1,000.50', 'USD', 'en-US', '1000.50'],
    ['50 USD', 'USD', 'en-US', '50'],
    ['US$50', 'USD', 'en-CA', '50'],
    ['12,34,567.89', 'INR', 'en-IN', '1234567.89'],
    ['₹12,34,567.89', 'INR', 'en-IN', '1234567.89'],
    ['1.234,50', 'EUR', 'de-DE', '1234.50'],
    ['1.234,50 €', 'EUR', 'de-DE', '1234.50'],
    ['1.234', 'EUR', 'de-DE', '1234'],
    ['1\u202f250,00 €', 'EUR', 'fr-FR', '1250.00'],
    ['1 250,00', 'EUR', 'en-US', '1250.00'],
    ['1\u00a0250,00', 'EUR', 'en-US', '1250.00'],
    ["1'250.00", 'CHF', 'de-CH', '1250.00'],
    ["1'250.00", 'CHF', 'en-US', '1250.00'],
    ['¥250,000', 'JPY', 'en-US', '250000'],
    ['KWD 1.250', 'KWD', 'en-US', '1.250'],
    ['1,250.125', 'KWD', 'en-US', '1250.125'],
    ['١٬٢٣٤٫٥٠', 'USD', 'ar-EG', '1234.50'],
    ['٢٥', 'USD', 'en-US', '25'],
    ['٠٫٠٥', 'USD', 'en-US', '0.05'],
    ['۱٬۲۳۴٫۵۰', 'USD', 'fa-IR', '1234.50'],
    // In the reader's language these are not numbers, so they have only one meaning.
    ['42,20', 'USD', 'en-US', '42.20'],
    ['1.000,50', 'USD', 'en-US', '1000.50'],
    ['42.20', 'EUR', 'de-DE', '42.20'],
    ['1,000.50', 'EUR', 'de-DE', '1000.50'],
    ['90071992547409.91', 'USD', 'en-US', '90071992547409.91'],
  ])('%s %s in %s is %s', (text, currency, locale, amount) => {
    expect(typed(text, currency, locale)).toEqual({ amount })
  })

  test.each([
    ['1,000', 'en-US', '1000'],
    ['1,000', 'de-DE', '1.000'],
    ['1.000', 'en-US', '1.000'],
    ['1.000', 'de-DE', '1000'],
  ])(
    'a sign between three digits means in KWD what it means to its reader: %s in %s is %s',
    (text, locale, amount) => {
      expect(typed(text, 'KWD', locale)).toEqual({ amount })
    },
  )

  test.each([
    ['', 'Enter an amount.'] as const,
    ['0', 'Enter an amount other than zero.'] as const,
    ['0.00', 'Enter an amount other than zero.'] as const,
    ['-5', 'Enter an amount without a minus sign.'] as const,
    ['1.000', 'USD has at most 2 decimals.'] as const,
    ['1.005', 'USD has at most 2 decimals.'] as const,
    ['1,0000', 'USD has at most 2 decimals.'] as const,
    ...[
      'ten',
      '€50',
      '1,00,0',
      '12,345,6',
      '1.2.3',
      '1e3',
      '5.',
      '.5',
      '1-2',
      '1,000,50',
      '5 0',
    ].map((text) => [text, 'Enter an amount such as $1,234.00.'] as const),
    ['9'.repeat(18), 'Enter an amount such as $1,234.00.'] as const,
  ])('%j is asked about, not guessed at', (text, wrong) => {
    expect(typed(text, 'USD')).toEqual({ wrong })
  })

  test('more decimals than the currency has are never rounded away', () => {
    expect(typed('10.5', 'JPY')).toEqual({ wrong: 'JPY has no decimals.' })
    expect(typed('1.2345', 'KWD')).toEqual({ wrong: 'KWD has at most 3 decimals.' })
  })

  test.each([
    ['-5', '-5'],
    ['\u22125', '-5'],
    ['+5', '5'],
    ['-$1,000.50', '-1000.50'],
    ['$-5', '-5'],
  ])('%s may carry a sign where that makes sense', (text, amount) => {
    expect(readAmount(text, 'USD', { signed: true, locales: ['en-US'] })).toEqual({ amount })
  })

  test.each(['USD', 'EUR', 'JPY', 'KWD', 'IQD', 'CHF', 'INR', 'BRL', 'SEK'])(
    'what the page prints in %s can be typed, in every language',
    (currency) => {
      const decimals = { JPY: 0, KWD: 3, IQD: 3 }[currency] ?? 2
      const amount = (1234567.125).toFixed(decimals)
      for (const locale of [
        'en-US',
        'de-DE',
        'fr-FR',
        'de-CH',
        'ar-EG',
        'fa-IR',
        'en-IN',
        'pt-BR',
        'sv-SE',
        'ja-JP',
        'he-IL',
        'hi-IN',
      ]) {
        const printed = new Intl.NumberFormat(locale, {
          style: 'currency',
          currency,
          minimumFractionDigits: decimals,
          maximumFractionDigits: decimals,
        }).format(Number(amount))
        expect([locale, printed, typed(printed, currency, locale)]).toEqual([
          locale,
          printed,
          { amount },
        ])
      }
    },
  )
})

describe('money on the page', () => {
  test('has the decimals of its currency, of which browsers know fewer', () => {
    expect(formatMoney(1.5, 'IQD')).toBe('IQD\u00a01.500')
    expect(formatMoney(250_000, 'JPY')).toBe('¥250,000')
    expect(formatMoney('90071992547409.91', 'USD')).toBe('$90,071,992,547,409.91')
  })

  test('comes from the server with every digit, also those that a double has no room for', () => {
    const { least, most } = parseJson('{"least":-90071992547409.9,"most":90071992547409.91}') as {
      least: number
      most: number
    }
    expect(formatMoney(least, 'USD')).toBe('-$90,071,992,547,409.90')
    expect(formatMoney(absolute(least, 'USD'), 'USD')).toBe('$90,071,992,547,409.90')
    expect(subtract(most, least, 'USD')).toBe('180143985094819.81')
  })

  test('is subtracted to the last cent, however much there is', () => {
    expect(45_035_996_273_704.95 - 45_035_996_273_704.93).not.toBe(0.02)
    expect(subtract(45_035_996_273_704.95, 45_035_996_273_704.93, 'USD')).toBe('0.02')
    expect(subtract(0.1, 0.3, 'USD')).toBe('-0.20')
    expect(subtract(5, 5, 'JPY')).toBe('0')
    expect(subtract(1.001, 2, 'KWD')).toBe('-0.999')
    expect(subtract('90071992547409.9', '0.02', 'USD')).toBe('90071992547409.88')
  })
})
