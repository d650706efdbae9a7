import { Webhook } from 'standardwebhooks'
import { InvalidAmount, toDecimal, toMinor } from '../ledger/money.ts'
import type { PaymentEvent } from '../ledger/provider-event.ts'
import { ApiError } from '../lib/api-error.ts'
import { CURRENCIES } from '../lib/currencies.ts'
import { parseStrictJson } from '../lib/json.ts'
import { invalidSignature, type PayableTopup, type PaymentProvider } from './provider.ts'
import { KINDS, signedBody } from './signed-body.ts'

export const SIGNED = 'signed'

interface SignedEvent {
  /** The header `webhook-id`. */
  id: string
  body: unknown
}

export interface SignedOptions {
  /** `whsec_…`; several while one replaces another. */
  secrets: readonly string[]
  /** URL of the page where a topup is paid, with `{topupId}`, `{tenant}`, `{userId}`, `{amount}`, `{currency}`. */
  url: string | undefined
}

/** Any provider, or a program in front of one, that signs its requests by the Standard Webhooks specification. */
export function createSigned({ secrets, url }: SignedOptions): PaymentProvider<SignedEvent> {
  const verifiers = secrets.map((secret) => new Webhook(secret))
  return {
    name: SIGNED,
    async verify({ body, header }) {
      const names = ['webhook-id', 'webhook-timestamp', 'webhook-signature']
      const headers = Object.fromEntries(names.map((name) => [name, header(name) ?? '']))
      const failures = verifiers.map((verifier) =>
        failureOf(() => verifier.verify(body, headers, { jsonParse: false })),
      )
      if (failures.every((failure) => failure !== undefined)) throw invalidSignature(failures[0])
      return { id: headers['webhook-id'] ?? '', body: parsed(body) }
    },
    translate,
    ...(url !== undefined && { start: async (topup) => ({ url: filled(url, topup) }) }),
  }
}

function failureOf(act: () => unknown): unknown {
  try {
    act()
    return undefined
  } catch (error) {
    return error
  }
}

function parsed(body: string): unknown {
  try {
    return parseStrictJson(body)
  } catch (cause) {
    throw new ApiError(400, 'invalid_request', 'The body is not valid JSON.', { cause })
  }
}

function translate({ id, body }: SignedEvent): PaymentEvent | undefined {
  const kind = KINDS[String((body as { type?: unknown } | null)?.type)]
  if (!kind) return undefined
  const checked = signedBody.safeParse(body)
  if (!checked.success) {
    const [issue] = checked.error.issues
    throw new ApiError(400, 'invalid_request', `${issue?.path.join('.')}: ${issue?.message}`)
  }
  const { eventId = id, topupId, tenant, currency, reason, ...data } = checked.data.data
  const paymentId = data.paymentId ?? topupId
  const isDispute = kind.startsWith('dispute')
  return {
    provider: SIGNED,
    ...{ eventId, kind, paymentId, topup: { tenant, id: topupId.toLowerCase() } },
    ...(isDispute && { disputeId: data.disputeId ?? paymentId }),
    ...(currency !== undefined && { currency, ...amountOf(data.amount, currency) }),
    ...(reason !== undefined && { detail: reason }),
  }
}

/** An amount that is none does not agree with the topup either, and so waits for an admin. */
function amountOf(input: unknown, currency: string): { amount?: bigint } {
  if (input === undefined || !CURRENCIES.has(currency)) return {}
  try {
    return { amount: toMinor(String(input), currency) }
  } catch (error) {
    if (error instanceof InvalidAmount) return {}
    throw error
  }
}

function filled(template: string, { id, tenant, userId, amount, currency }: PayableTopup): string {
  const values: Readonly<Record<string, string>> = {
    ...{ topupId: id, tenant, userId, currency },
    amount: toDecimal(amount, currency),
  }
  return template.replace(/\{(\w+)\}/g, (whole, name: string) =>
    values[name] === undefined ? whole : encodeURIComponent(values[name]),
  )
}
