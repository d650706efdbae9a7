import type { Transaction } from '../ledger/command.ts'
import type { RecordedOutcome } from '../ledger/provider-event.ts'
import type { ProviderLedger } from '../ledger/provider-events.ts'
import { LabeledCounter } from '../lib/instruments.ts'
import type { Logger } from '../lib/log.ts'
import type { PaymentProvider, PaymentStart, ProviderRequest } from './provider.ts'

/** Undefined: not configured. */
export interface ProviderSettings {
  stripe: { webhookSecret: string; secretKey: string | undefined; apiUrl: string } | undefined
  signed: { secrets: readonly string[]; url: string | undefined } | undefined
}

/** Of one call of a provider. A request that waits for it must still answer in time. */
const CALL_TIMEOUT_MS = 4_000

/** Creates the configured providers. The code of the others is not loaded. */
export async function openProviders(
  { stripe, signed }: ProviderSettings,
  ledger: Pick<ProviderLedger, 'paymentOf' | 'linkPayment'>,
): Promise<PaymentProvider[]> {
  const providers: PaymentProvider[] = []
  if (stripe) {
    const { createStripe } = await import('./stripe.ts')
    providers.push(createStripe({ ...stripe, timeoutMs: CALL_TIMEOUT_MS, payments: ledger }))
  }
  if (signed) {
    const { createSigned } = await import('./signed.ts')
    providers.push(createSigned(signed))
  }
  return providers
}

/** What `POST /transactions/topup` adds to its answer. */
export interface PaymentAnswer extends PaymentStart {
  /** The provider did not answer. The topup is pending, and the same request may be repeated. */
  paymentError?: 'unavailable'
}

/** The configured payment providers. */
export class Payments {
  /** By provider and outcome. */
  readonly received = new LabeledCounter('provider', 'outcome')
  readonly #providers: ReadonlyMap<string, PaymentProvider>
  readonly #ledger: Pick<ProviderLedger, 'record'>
  readonly #log: Logger
  #failing = false

  constructor(
    providers: readonly PaymentProvider[],
    { ledger, log }: { ledger: Pick<ProviderLedger, 'record'>; log: Logger },
  ) {
    this.#providers = new Map(providers.map((provider) => [provider.name, provider]))
    this.#ledger = ledger
    this.#log = log
  }

  has(provider: string): boolean {
    return this.#providers.has(provider)
  }

  /**
   * Takes an event of a provider.
   * @returns undefined if it means nothing for a topup
   * @throws ApiError `invalid_signature`, `invalid_request`
   * @throws DatabaseUnavailable: the provider sends it again
   */
  async receive(name: string, request: ProviderRequest): Promise<RecordedOutcome | undefined> {
    const provider = this.#providers.get(name)
    if (!provider) throw new Error(`${name} is not configured`)
    const raw = await provider.verify(request).catch((error) => {
      this.received.add(name, 'rejected')
      throw error
    })
    const event = provider.translate(raw)
    const recorded = event && (await this.#ledger.record(event))
    this.received.add(name, recorded?.repeated ? 'repeated' : (recorded?.outcome ?? 'foreign'))
    if (event && recorded?.outcome === 'waiting' && !recorded.repeated) {
      this.#log.warn(
        { provider: name, eventId: event.eventId, topup: event.topup, reason: recorded.reason },
        'an event of a payment provider waits for an admin: GET /admin/provider-events',
      )
    }
    return recorded
  }

  /** What the client needs to pay a pending topup. Empty if no provider begins payments. */
  async start({ status, ...topup }: Transaction): Promise<PaymentAnswer> {
    const provider = [...this.#providers.values()].find(({ start }) => start !== undefined)
    if (!provider?.start || status !== 'pending') return {}
    try {
      const started = await provider.start(topup)
      if (this.#failing) this.#log.info({ provider: provider.name }, 'payments can be begun again')
      this.#failing = false
      return started
    } catch (error) {
      // Once, for an operator: the topup stays, and its user may ask again.
      if (!this.#failing) {
        this.#log.warn(
          { provider: provider.name, err: asLogged(error) },
          'no payment can be begun: the provider does not answer as it should',
        )
      }
      this.#failing = true
      return { paymentError: 'unavailable' }
    }
  }
}

/** Without what a provider's library keeps in its errors: headers, and parts of the key. */
function asLogged(error: unknown) {
  const { type, code, statusCode, message } = error as Record<string, unknown>
  return { type, code, statusCode, message }
}
