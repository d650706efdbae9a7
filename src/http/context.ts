import { createFactory } from 'hono/factory'
import type { Principal } from '../auth/principal.ts'

/** Values that the middlewares set for the handlers. */
export interface Env {
  Variables: {
    requestId: string
    /** Headers of the answer. A plain record, because a stream writes Node's response directly. */
    headers: Record<string, string>
    /** Lets this request take this many milliseconds from now, in place of the usual timeout. */
    extendDeadline: (ms: number) => void
    /** Set by a guard, so it exists only on routes that have one. */
    principal: Principal
    /** The client's address, set with the principal. Undefined where it is not known. */
    address: string | undefined
    /** Currency of requests that name none, where the tenant has one. Set by a guard. */
    currency: string | undefined
    /** Set on POST and PATCH if the caller sent one. */
    idempotencyKey: string | undefined
    /** Of the request's own span, if requests are traced. */
    traceparent: string | undefined
  }
}

export const factory = createFactory<Env>()
