import type { PaymentEvent } from '../ledger/provider-event.ts'
import { ApiError } from '../lib/api-error.ts'

/** A request of a provider, as it came: its signature covers every byte of the body. */
export interface ProviderRequest {
  body: string
  /** By name in lower case. */
  header(name: string): string | undefined
}

/** A topup that is to be paid. The amount is in minor units. */
export interface PayableTopup {
  id: string
  tenant: string
  userId: string
  amount: bigint
  currency: string
}

/** What a client needs to pay a topup: a secret for the provider's own library, or the URL of a page. */
export interface PaymentStart {
  clientSecret?: string
  url?: string
}

/** A payment method of a customer that is stored at the provider. */
export interface SavedMethod {
  customer: string
  paymentMethod: string
}

/** `accepted`: its outcome comes as an event. `declined`: it cannot succeed any more. */
export type ChargeOutcome =
  | { status: 'accepted'; paymentId: string }
  | { status: 'declined'; reason: string }

/**
 * A payment provider. `Raw` is its own form of an event.
 * A provider that cannot begin payments, or cannot charge a saved method, leaves that function out.
 */
export interface PaymentProvider<Raw = unknown> {
  readonly name: string
  /**
   * Checks the signature.
   * @throws ApiError `invalid_signature`
   */
  verify(request: ProviderRequest): Promise<Raw>
  /**
   * What an event means for a topup. Undefined: nothing.
   * @throws ApiError `invalid_request` if a signed event does not have the documented form
   */
  translate(event: Raw): PaymentEvent | undefined
  /**
   * Begins a payment, or finds the one that was begun.
   * @throws Error if the provider does not answer as it should
   */
  start?(topup: PayableTopup): Promise<PaymentStart>
  /**
   * Charges a saved method without the user. The same key charges once.
   * @throws Error if the outcome is not known
   */
  charge?(topup: PayableTopup, method: SavedMethod, idempotencyKey: string): Promise<ChargeOutcome>
}

export const invalidSignature = (cause?: unknown) =>
  new ApiError(400, 'invalid_signature', 'The signature is missing, wrong or too old.', { cause })
