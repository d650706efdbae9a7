import { ApiError } from '../../lib/api-error.ts'
import { factory } from '../context.ts'

const PRINTABLE = /^[\x20-\x7e]{1,255}$/

/** Takes the `Idempotency-Key` of a POST or PATCH: 1 to 255 printable ASCII characters. */
export const idempotencyKey = factory.createMiddleware(function idempotencyKey(c, next) {
  if (c.req.method === 'POST' || c.req.method === 'PATCH') {
    const key = c.req.header('Idempotency-Key')
    if (key !== undefined && !PRINTABLE.test(key)) {
      throw new ApiError(
        400,
        'invalid_request',
        'Idempotency-Key must be 1 to 255 printable ASCII characters.',
      )
    }
    c.set('idempotencyKey', key)
  }
  return next() as Promise<undefined>
})
