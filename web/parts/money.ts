const formats = new Map<string, Intl.NumberFormat>()

/** Major units in the reader's own way of writing this currency. `signed` puts a plus before gains. */
export function formatMoney(amount: number, currency: string, { signed = false } = {}): string {
  const key = `${currency}${signed}`
  let format = formats.get(key)
  if (!format) {
    format = new Intl.NumberFormat(navigator.languages as string[], {
      style: 'currency',
      currency,
      signDisplay: signed ? 'exceptZero' : 'negative',
      // Browsers know fewer decimals of some currencies than ISO 4217: what is there is shown.
      maximumFractionDigits: 3,
    })
    formats.set(key, format)
  }
  return format.format(amount)
}

/**
 * A typed amount as the plain decimal text that the server takes; undefined when it is none. One comma or
 * point is the decimal sign, as people type it. `1,000` is a thousand to some and one to others: unless
 * the currency has three decimals it is asked about, not guessed at.
 */
export function readAmount(
  text: string,
  currency: string,
  { signed = false } = {},
): string | undefined {
  const plain = text.replace(/[\s']/g, '').replace('\u2212', '-').replace(',', '.')
  const decimals = decimalsOf(currency) === 3 ? 3 : 2
  const pattern = new RegExp(`^${signed ? '[+-]?' : ''}\\d{1,15}(\\.\\d{1,${decimals}})?$`)
  if (!pattern.test(plain) || Number(plain) === 0) return undefined
  return plain.replace('+', '')
}

function decimalsOf(currency: string): number | undefined {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency })
  return format.resolvedOptions().maximumFractionDigits
}
