import { ApiError } from '../errors.ts'
import { factory } from './env.ts'

/**
 * Answers 503 `timeout` when the handler has not begun to answer after so many seconds, reading the body
 * included. What it was doing may still happen, which is what idempotency keys are for.
 */
export function deadline(seconds: number) {
  return factory.createMiddleware(async function deadline(_, next) {
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(timeout()), seconds * 1000)
    })
    try {
      await Promise.race([next(), late])
    } finally {
      clearTimeout(timer)
    }
  })
}

const timeout = () =>
  new ApiError(
    503,
    'timeout',
    'The answer took too long. It is not known whether the request took effect: repeat it with the same Idempotency-Key.',
    { retryAfter: 1 },
  )
