import type { RefusalCode, RefusalDetails, SplitPart } from '../../../src/ledger/command.ts'

/** A part of a split payment in the model. */
export interface ModelPart {
  /** A user, or `fee:<name>`. */
  to: string
  amount: bigint
  refunded: bigint
}

type Refusal = [code: RefusalCode, details?: RefusalDetails]

const nameOf = (part: SplitPart) => ('to' in part ? part.to : `fee:${part.fee}`)

/** In proportion to the weights: rounded down, and what is left to the largest remainders. */
function apportion(amount: bigint, weights: readonly bigint[]): bigint[] {
  const total = weights.reduce((a, b) => a + b, 0n)
  const parts = weights.map((weight) => (amount * weight) / total)
  const rests = weights.map((weight, i) => ({ i, rest: (amount * weight) % total }))
  rests.sort((a, b) => (a.rest === b.rest ? a.i - b.i : a.rest > b.rest ? -1 : 1))
  let left = amount - parts.reduce((a, b) => a + b, 0n)
  for (const { i } of rests) {
    if (left === 0n) break
    parts[i] = (parts[i] ?? 0n) + 1n
    left -= 1n
  }
  return parts
}

/** Divides a payment, or says why it cannot be. */
export function divide(
  split: readonly SplitPart[],
  { payer, total, currency }: { payer: string; total: bigint; currency: string },
  isKnown: (userId: string) => boolean,
): ModelPart[] | Refusal {
  if (split.length === 0 || new Set(split.map(nameOf)).size < split.length) {
    return ['invalid_split', { field: 'split' }]
  }
  if (split.some((part) => nameOf(part) === payer)) return ['self_transfer']
  const fixed = split.map((part) => ('amount' in part ? part.amount : 0n))
  const shares = split.map((part) => ('share' in part ? BigInt(part.share) : 0n))
  const rest = total - fixed.reduce((a, b) => a + b, 0n)
  const shared = shares.some((share) => share > 0n)
  if (rest < 0n || (rest > 0n && !shared)) {
    return ['invalid_split', { field: 'split', currency, maximum: total }]
  }
  const unknown = split.find((part) => 'to' in part && !isKnown(part.to))
  if (unknown) return ['unknown_user', { userId: nameOf(unknown) }]
  const divided = shared ? apportion(rest, shares) : []
  return split
    .map((part, i) => ({
      to: nameOf(part),
      amount: (fixed[i] ?? 0n) + (divided[i] ?? 0n),
      refunded: 0n,
    }))
    .filter(({ amount }) => amount > 0n)
}

/** What each part gives back of a refund. */
export function refundOf(parts: readonly ModelPart[], amount: bigint): ModelPart[] {
  const left = parts.map((part) => part.amount - part.refunded)
  return apportion(amount, left).map((back, i) => ({
    to: parts[i]?.to ?? '',
    amount: back,
    refunded: 0n,
  }))
}
