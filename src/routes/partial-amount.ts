import type { Principal } from '../auth/principal.ts'
import { readAmount } from '../http/amount.ts'
import { refusal } from '../http/refusal.ts'
import type { AmountInput } from '../http/schemas.ts'
import type { Reader } from '../ledger/reader.ts'

/**
 * The part of a transaction that a request asks for, in minor units of the transaction's own currency;
 * nothing when it asks for the whole. With `userId`, only that user's transaction is found.
 * @throws ApiError `not_found`, `invalid_amount`
 */
export async function readPart(
  reader: Reader,
  principal: Principal,
  transactionId: string,
  amount: AmountInput | undefined,
  userId?: string,
): Promise<{ amount?: bigint }> {
  if (amount === undefined) return {}
  const whole = await reader.transaction(principal.tenant, transactionId, userId)
  if (!whole) throw refusal('not_found')
  return { amount: readAmount(amount, whole.currency) }
}
