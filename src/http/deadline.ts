import { ApiError } from '../errors.ts'
import { factory } from './env.ts'

/**
 * Answers 503 `timeout` when the handler has not begun to answer after so many seconds, reading the body
 * included. What it was doing may still happen, which is what idempotency keys are for.
 */
export function deadline(seconds: number) {
  return factory.createMiddleware(async function deadline(c, next) {
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_, reject) => {
      c.set('allow', (seconds) => {
        clearTimeout(timer)
        timer = setTimeout(() => reject(timeout()), seconds * 1000)
      })
    })
    c.var.allow(seconds)
    try {
      await Promise.race([next(), late])
    } finally {
      clearTimeout(timer)
    }
  })
}

/** For a route, behind its guard: its work may take so many seconds. */
export function takesUpTo(seconds: number) {
  return factory.createMiddleware(async function takesUpTo(c, next) {
    c.var.allow(seconds)
    await next()
  })
}

export const timeout = () =>
  new ApiError(
    503,
    'timeout',
    'The answer took too long. It is not known whether the request took effect: repeat it with the same Idempotency-Key.',
    { retryAfter: 1 },
  )
