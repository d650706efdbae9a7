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
 * point is taken for the decimal sign, as people type it; more than one is asked about, not guessed at.
 */
export function readAmount(text: string, { signed = false } = {}): string | undefined {
  const plain = text
    .replace(/[\s {2}']/g, '')
    .replace('−', '-')
    .replace(',', '.')
  const pattern = signed ? /^[+-]?\d{1,15}(\.\d{1,3})?$/ : /^\d{1,15}(\.\d{1,3})?$/
  if (!pattern.test(plain) || Number(plain) === 0) return undefined
  return plain.replace('+', '')
}
