import type { Context } from 'hono'
import type { Env } from '../context.ts'

/** W3C Trace Context, level 1: version, trace id, parent id, flags; later versions may add to the end. */
const TRACEPARENT =
  /^(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** What a `traceparent` says, in the form of version 00; undefined where it is not valid, and so says nothing. */
export function validTraceparent(text: string | undefined): string | undefined {
  const [, version, traceId, parentId, flags, rest] = TRACEPARENT.exec(text ?? '') ?? []
  if (version === undefined || (version === '00' && rest !== undefined)) return undefined
  return `00-${traceId}-${parentId}-${flags}`
}

/** The trace that the request belongs to: of its span, where there is one, else as its caller says. */
export function traceparentOf(c: Context<Env>): string | undefined {
  return c.get('traceparent') ?? validTraceparent(c.req.header('traceparent'))
}

export function traceIdOf(traceparent: string | undefined): string | undefined {
  return traceparent?.slice(3, 35)
}
