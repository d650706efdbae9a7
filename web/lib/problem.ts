import { parseJson } from '../../src/lib/json.ts'
import { formatMoney } from './money.ts'

/** An error answer of the server, or the lack of any answer. */
export class Problem extends Error {
  override readonly name = 'Problem'
  /** The HTTP status; 0 if there was no answer. */
  readonly status: number
  readonly code: string
  readonly requestId: string | undefined
  readonly details: Readonly<Record<string, unknown>>

  constructor(
    status: number,
    code: string,
    message: string,
    rest: { requestId?: string; details?: Record<string, unknown> } = {},
  ) {
    super(message)
    this.status = status
    this.code = code
    this.requestId = rest.requestId
    this.details = rest.details ?? {}
  }
}

/** @param response null if there was no answer */
export async function problemFrom(response: Response | null): Promise<Problem> {
  if (!response) return new Problem(0, 'unreachable', 'The server does not answer.')
  const body = (await response
    .text()
    .then(parseJson)
    .catch(() => null)) as {
    code?: string
    message?: string
    requestId?: string
    details?: Record<string, unknown>
  } | null
  return new Problem(response.status, body?.code ?? 'unknown', body?.message ?? '', body ?? {})
}

/** Whether the server no longer accepts the session, so that the user must sign in again. */
export function endsSession(problem: unknown): boolean {
  return problem instanceof Problem && problem.status === 401
}

/** The figures of a payment that was refused for lack of money. */
export interface Shortfall {
  requiredAmount: number
  available: number
  shortfall: number
  currency: string
}

/** The figures of `insufficient_funds`. Undefined for any other problem. */
export function shortfallOf(problem: unknown): Shortfall | undefined {
  if (!(problem instanceof Problem) || problem.code !== 'insufficient_funds') return undefined
  const { requiredAmount, currentBalance, available, shortfall, currency } = problem.details
  if (requiredAmount === undefined || shortfall === undefined) return undefined
  return {
    requiredAmount: requiredAmount as number,
    shortfall: shortfall as number,
    available: (available ?? currentBalance ?? 0) as number,
    currency: String(currency),
  }
}

const SENTENCES: Record<string, string> = {
  unreachable: 'The server does not answer. Check your connection. Nothing was lost.',
  unavailable: 'The server cannot reach its database right now. Try again in a moment.',
  timeout: 'The server took too long to answer. You can try again: it will not happen twice.',
  internal: 'Something went wrong on our side. Try again in a moment.',
  unauthorized: 'The server does not accept this token. Sign in again.',
  token_expired: 'Your session has ended. Sign in again.',
  token_revoked: 'Your session was revoked. Sign in again.',
  forbidden: 'You are not allowed to do that.',
  already_processed: 'This request has already been decided.',
  self_approval: 'This is about your own money, so another admin has to decide it.',
  not_found: 'This does not exist, or no longer exists.',
  rate_limited: 'There were too many requests. Wait a moment and try again.',
  self_transfer: 'You cannot send money to yourself.',
  unknown_user: 'There is no such user.',
  not_refundable: 'Only payments can be refunded.',
  balance_limit_exceeded: 'The balance would be larger than a wallet can hold.',
  limit_exceeded: 'A spending limit does not allow this amount.',
}

/** The error message for the user. */
export function explain(problem: unknown): string {
  if (!(problem instanceof Problem))
    return problem instanceof Error ? problem.message : String(problem)
  const short = shortfallOf(problem)
  if (short) {
    const money = (amount: number) => formatMoney(amount, short.currency)
    return `There is not enough money: ${money(short.requiredAmount)} is needed and ${money(short.available)} is available. ${money(short.shortfall)} is missing.`
  }
  const { code, details, message } = problem
  if (code === 'refund_exceeds_payment' && details.maximum !== undefined) {
    return `At most ${formatMoney(details.maximum as number, String(details.currency))} of this payment can still be refunded.`
  }
  if (code === 'limit_exceeded' && details.maximum !== undefined) {
    return `A spending limit allows at most ${formatMoney(details.maximum as number, String(details.currency))} now.`
  }
  return SENTENCES[code] ?? (message || 'That did not work. Try again in a moment.')
}
