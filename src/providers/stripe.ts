import Stripe from 'stripe'
import type { PaymentEvent } from '../ledger/provider-event.ts'
import {
  type ChargeOutcome,
  invalidSignature,
  type PayableTopup,
  type PaymentProvider,
  type PaymentStart,
  type SavedMethod,
} from './provider.ts'
import { fromStripeAmount, toStripeAmount } from './stripe-amounts.ts'
import { namedTopup } from './topup-metadata.ts'

export const STRIPE = 'stripe'

/** Of the time in a signature: a copied request is refused after it. */
const TOLERANCE_SECONDS = 300

export interface StripeOptions {
  webhookSecret: string
  /** Undefined: events are received, but no payments are begun. */
  secretKey: string | undefined
  /** Base URL of the API. */
  apiUrl: string
  /** Of one call of the API. */
  timeoutMs: number
  /** The payments that were begun, so that a topup has one, however late it is asked for again. */
  payments: {
    paymentOf(provider: string, topup: PayableTopup): Promise<string | undefined>
    linkPayment(provider: string, paymentId: string, topup: PayableTopup): Promise<void>
  }
}

/** Stripe: PaymentIntents, and Checkout sessions that a shop makes itself. */
export function createStripe(options: StripeOptions): PaymentProvider<Stripe.Event> {
  const { webhookSecret, secretKey, apiUrl, timeoutMs, payments } = options
  const { hostname, port, protocol } = new URL(apiUrl)
  const stripe = new Stripe(secretKey ?? 'sk_none', {
    host: hostname,
    ...(port !== '' && { port }),
    protocol: protocol === 'http:' ? 'http' : 'https',
    timeout: timeoutMs,
    maxNetworkRetries: 1,
    telemetry: false,
  })

  async function start(topup: PayableTopup): Promise<PaymentStart> {
    const known = await payments.paymentOf(STRIPE, topup)
    const intent = known?.startsWith('pi_')
      ? await stripe.paymentIntents.retrieve(known)
      : await stripe.paymentIntents.create(
          { ...moneyOf(topup), automatic_payment_methods: { enabled: true } },
          { idempotencyKey: `livebalance-topup-${topup.id}` },
        )
    if (!known) await payments.linkPayment(STRIPE, intent.id, topup)
    if (!intent.client_secret) throw new Error('Stripe answered without a client secret')
    return { clientSecret: intent.client_secret }
  }

  async function charge(
    topup: PayableTopup,
    { customer, paymentMethod }: SavedMethod,
    idempotencyKey: string,
  ): Promise<ChargeOutcome> {
    const params = {
      ...moneyOf(topup),
      ...{ customer, payment_method: paymentMethod, confirm: true, off_session: true },
    }
    try {
      const intent = await stripe.paymentIntents.create(params, { idempotencyKey })
      await payments.linkPayment(STRIPE, intent.id, topup)
      if (intent.status === 'succeeded' || intent.status === 'processing') {
        return { status: 'accepted', paymentId: intent.id }
      }
      await cancel(intent.id)
      return { status: 'declined', reason: intent.status }
    } catch (error) {
      // These say that nothing was charged. All others may be over by the next try.
      if (error instanceof Stripe.errors.StripeCardError) {
        const intent = error.payment_intent
        if (intent) await cancel(intent.id)
        return { status: 'declined', reason: error.decline_code ?? error.code ?? 'card_error' }
      }
      if (error instanceof Stripe.errors.StripeInvalidRequestError) {
        return { status: 'declined', reason: error.code ?? 'invalid_request' }
      }
      throw error
    }
  }

  /** So that it is not paid later. If this fails and it is paid, the money waits for an admin. */
  async function cancel(paymentId: string): Promise<void> {
    await stripe.paymentIntents.cancel(paymentId).catch(() => {})
  }

  return {
    name: STRIPE,
    async verify({ body, header }) {
      try {
        // Not all runtimes can do so at once.
        return await stripe.webhooks.constructEventAsync(
          body,
          header('stripe-signature') ?? '',
          webhookSecret,
          TOLERANCE_SECONDS,
        )
      } catch (error) {
        throw invalidSignature(error)
      }
    },
    translate,
    ...(secretKey !== undefined && { start, charge }),
  }
}

function moneyOf({ id, tenant, userId, amount, currency }: PayableTopup) {
  const stripeAmount = toStripeAmount(amount, currency)
  if (stripeAmount === undefined) throw new Error(`Stripe cannot charge this amount of ${currency}`)
  return {
    amount: stripeAmount,
    currency: currency.toLowerCase(),
    metadata: { topupId: id, tenant, userId },
  }
}

function translate(event: Stripe.Event): PaymentEvent | undefined {
  const common = { provider: STRIPE, eventId: event.id }
  switch (event.type) {
    case 'payment_intent.succeeded': {
      const intent = event.data.object
      return ofTopup(intent.metadata, {
        ...common,
        ...money(intent.amount_received, intent.currency),
        ...{ kind: 'succeeded', paymentId: intent.id },
      })
    }
    case 'payment_intent.payment_failed':
    case 'payment_intent.canceled': {
      const intent = event.data.object
      const { last_payment_error: error, cancellation_reason } = intent
      const detail = cancellation_reason ?? error?.decline_code ?? error?.code
      return ofTopup(intent.metadata, {
        ...common,
        ...money(intent.amount, intent.currency),
        // A PaymentIntent can be paid until it is canceled.
        ...{ kind: intent.status === 'canceled' ? 'failed' : 'attempt_failed' },
        paymentId: intent.id,
        ...(detail != null && { detail }),
      })
    }
    case 'checkout.session.completed':
    case 'checkout.session.async_payment_succeeded': {
      const session = event.data.object
      // Otherwise the money comes later, and so does an event.
      if (session.payment_status !== 'paid') return undefined
      return ofTopup(session.metadata, {
        ...common,
        ...money(session.amount_total ?? 0, session.currency ?? ''),
        ...{ kind: 'succeeded', paymentId: idOf(session.payment_intent) ?? session.id },
      })
    }
    case 'checkout.session.async_payment_failed':
    case 'checkout.session.expired': {
      const session = event.data.object
      return ofTopup(session.metadata, {
        ...common,
        // The topup can be paid by another session, whose success may come before or after this.
        ...{ kind: 'attempt_failed', paymentId: idOf(session.payment_intent) ?? session.id },
        detail: event.type.slice('checkout.session.'.length),
      })
    }
    case 'charge.refunded': {
      const charge = event.data.object
      return {
        ...common,
        ...money(charge.amount_refunded, charge.currency),
        ...{ kind: 'refunded', paymentId: idOf(charge.payment_intent) ?? charge.id, isTotal: true },
        ...withTopup(charge.metadata),
      }
    }
    case 'refund.failed': {
      const refund = event.data.object
      return {
        ...common,
        ...money(refund.amount, refund.currency),
        kind: 'refund_failed',
        paymentId: idOf(refund.payment_intent) ?? idOf(refund.charge) ?? refund.id,
        ...(refund.failure_reason !== undefined && { detail: refund.failure_reason }),
      }
    }
    case 'charge.dispute.created':
    case 'charge.dispute.closed': {
      const dispute = event.data.object
      return {
        ...common,
        ...money(dispute.amount, dispute.currency),
        kind: disputeKind(event.type, dispute.status),
        paymentId: idOf(dispute.payment_intent) ?? idOf(dispute.charge) ?? dispute.id,
        disputeId: dispute.id,
        detail: dispute.reason,
      }
    }
    default:
      return undefined
  }
}

/** Closed without a loss also means that an inquiry ended, which had taken no money. */
function disputeKind(type: string, status: string) {
  if (type === 'charge.dispute.created') return 'disputed'
  return status === 'lost' ? 'dispute_lost' : 'dispute_won'
}

function money(amount: number, lowerCase: string): Pick<PaymentEvent, 'amount' | 'currency'> {
  const currency = lowerCase.toUpperCase()
  const minor = fromStripeAmount(amount, currency)
  return { currency, ...(minor !== undefined && { amount: minor }) }
}

const withTopup = (metadata: Stripe.Metadata | null) => {
  const topup = namedTopup(metadata)
  return topup && { topup }
}

/** A payment that names no topup is not for a wallet: the account may take other payments too. */
function ofTopup(metadata: Stripe.Metadata | null, event: PaymentEvent): PaymentEvent | undefined {
  const topup = namedTopup(metadata)
  return topup && { ...event, topup }
}

const idOf = (named: string | { id: string } | null | undefined) =>
  typeof named === 'string' ? named : named?.id
