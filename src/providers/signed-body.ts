import * as z from 'zod'
import type { PaymentEventKind } from '../ledger/provider-event.ts'
import { DEFAULT_TENANT, isTenant } from '../lib/identity.ts'

/** Types of events, and what they mean. */
export const KINDS: Readonly<Record<string, PaymentEventKind>> = {
  'payment.succeeded': 'succeeded',
  'payment.failed': 'failed',
  'payment.refunded': 'refunded',
  'payment.disputed': 'disputed',
  'dispute.won': 'dispute_won',
  'dispute.lost': 'dispute_lost',
}

const id = z.string().min(1).max(255)

/** The body of a request to `POST /providers/signed`. */
export const signedBody = z
  .object({
    type: z.string().meta({
      description: `One of ${Object.keys(KINDS)
        .map((type) => `\`${type}\``)
        .join(', ')}. Others are ignored.`,
    }),
    data: z.looseObject({
      eventId: id.exactOptional().meta({ description: 'Default: the header `webhook-id`.' }),
      topupId: z.uuid(),
      tenant: z.string().refine(isTenant).default(DEFAULT_TENANT),
      paymentId: id.exactOptional().meta({
        description: 'Of all events of one payment. Default: the topup’s id.',
      }),
      disputeId: id.exactOptional().meta({ description: 'Default: the payment’s id.' }),
      amount: z
        .custom<number | string>()
        .exactOptional()
        .meta({
          anyOf: [{ type: 'number' }, { type: 'string' }],
          description:
            'Major units: of the payment, or of this refund or dispute. Not needed for `payment.failed`, `dispute.won` and `dispute.lost`.',
        }),
      currency: z
        .string()
        .exactOptional()
        .meta({ description: 'ISO 4217 code.', examples: ['USD'] }),
      reason: z.string().max(200).exactOptional(),
    }),
  })
  .meta({ description: 'Signed as Standard Webhooks says.' })
