import { parseJson } from '../../src/lib/json.ts'
import { words } from './language.ts'
import { formatMoney } from './money.ts'

/** An error answer of the server, or the lack of any answer. */
export class Problem extends Error {
  override readonly name = 'Problem'
  /** The HTTP status; 0 if there was no answer. */
  readonly status: number
  readonly code: string
  readonly requestId: string | undefined
  /** Seconds after which the server wants to be asked again. */
  readonly retryAfter: number | undefined
  readonly details: Readonly<Record<string, unknown>>

  constructor(
    status: number,
    code: string,
    message: string,
    rest: { requestId?: string; details?: Record<string, unknown>; retryAfter?: number } = {},
  ) {
    super(message)
    this.status = status
    this.code = code
    this.requestId = rest.requestId
    this.retryAfter = rest.retryAfter
    this.details = rest.details ?? {}
  }
}

/** @param response null if there was no answer */
export async function problemFrom(response: Response | null): Promise<Problem> {
  if (!response) return new Problem(0, 'unreachable', '')
  const body = (await response
    .text()
    .then(parseJson)
    .catch(() => null)) as {
    code?: string
    message?: string
    requestId?: string
    details?: Record<string, unknown>
  } | null
  const retryAfter = Number(response.headers.get('Retry-After')) || undefined
  return new Problem(response.status, body?.code ?? 'unknown', body?.message ?? '', {
    ...body,
    ...(retryAfter && { retryAfter }),
  })
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

/** Whether nobody knows if the request was done: there was no answer, or the server does not know it either. */
export function isUnknownOutcome(problem: unknown): boolean {
  return (problem instanceof Problem && [0, 500].includes(problem.status)) || isTimeout(problem)
}

/** Whether the ledger refused the request, so that it was not done, and never will be. */
export function isRefusal(problem: unknown): boolean {
  if (!(problem instanceof Problem)) return false
  const { status } = problem
  return status >= 400 && status < 500 && ![401, 403, 429].includes(status)
}

const isTimeout = (problem: unknown) => problem instanceof Problem && problem.code === 'timeout'

/** The error message for the user. */
export function explain(problem: unknown): string {
  if (!(problem instanceof Problem))
    return problem instanceof Error ? problem.message : String(problem)
  const { problems, errors } = words()
  const short = shortfallOf(problem)
  if (short) {
    const money = (amount: number) => formatMoney(amount, short.currency)
    const { requiredAmount, available, shortfall } = short
    return problems.short(money(requiredAmount), money(available), money(shortfall))
  }
  const { code, details, message } = problem
  if (details.maximum !== undefined) {
    const maximum = formatMoney(details.maximum as number, String(details.currency))
    if (code === 'refund_exceeds_payment') return problems.refundAtMost(maximum)
    if (code === 'limit_exceeded') return problems.limitAtMost(maximum)
  }
  if (code === 'rate_limited' && problem.retryAfter) {
    return problems.waitSeconds(problem.retryAfter)
  }
  const known = Object.hasOwn(errors, code) ? errors[code as keyof typeof errors] : ''
  return known || message || problems.other
}
