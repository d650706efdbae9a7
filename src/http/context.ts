import { createFactory } from 'hono/factory'
import type { Principal } from '../auth/principal.ts'

/** What the middlewares leave on the context for the handlers. */
export interface Env {
  Variables: {
    requestId: string
    /** Headers of the answer, whoever writes it: a plain record, since a stream writes Node's response itself. */
    headers: Record<string, string>
    /** Gives this request so many seconds from now, instead of what every request has. */
    allow: (seconds: number) => void
    /** Set behind a guard; no other route reads it. */
    principal: Principal
    /** Set on POST and PATCH where the caller sent one. */
    idempotencyKey: string | undefined
    /** Of the request's own span, where requests are traced. */
    traceparent: string | undefined
  }
}

export const factory = createFactory<Env>()
