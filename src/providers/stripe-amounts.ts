import { CURRENCIES } from '../lib/currencies.ts'

/**
 * Where Stripe's smallest unit is not that of ISO 4217: it counts these currencies with so many decimals
 * (https://docs.stripe.com/currencies#special-cases).
 */
const STRIPE_DECIMALS: ReadonlyMap<string, number> = new Map([
  ['ISK', 2],
  ['UGX', 2],
  ['MGA', 0],
])

/** An amount as Stripe counts it. Undefined: Stripe has no such amount. */
export function toStripeAmount(minor: bigint, currency: string): number | undefined {
  const amount = rescaled(minor, decimalsOf(currency), stripeDecimalsOf(currency))
  return amount === undefined ? undefined : Number(amount)
}

/** An amount of Stripe in minor units. Undefined: it is no whole number of them, or the currency is unknown. */
export function fromStripeAmount(amount: number, currency: string): bigint | undefined {
  if (!CURRENCIES.has(currency) || !Number.isSafeInteger(amount)) return undefined
  return rescaled(BigInt(amount), stripeDecimalsOf(currency), decimalsOf(currency))
}

const decimalsOf = (currency: string) => CURRENCIES.get(currency) ?? 2

const stripeDecimalsOf = (currency: string) => STRIPE_DECIMALS.get(currency) ?? decimalsOf(currency)

function rescaled(amount: bigint, from: number, to: number): bigint | undefined {
  if (to >= from) return amount * 10n ** BigInt(to - from)
  const factor = 10n ** BigInt(from - to)
  return amount % factor === 0n ? amount / factor : undefined
}
