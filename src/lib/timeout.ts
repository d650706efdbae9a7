/** Resolves after so many milliseconds. With `unref`, the process may exit before. */
export function sleep(ms: number, { unref = false }: { unref?: boolean } = {}): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    // In a browser and on some runtimes a timer is a number.
    if (unref && typeof timer === 'object') timer.unref()
  })
}

/**
 * The outcome of a promise, or that of `onTimeout` if it has not settled within so many milliseconds.
 * The work behind the promise goes on; its late outcome is dropped.
 *
 * @param onTimeout returns a value in place of the promise's, or throws
 */
export async function withTimeout<T, F>(
  promise: Promise<T>,
  ms: number,
  onTimeout: () => F | Promise<F>,
): Promise<T | F> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(resolve, ms, LATE)
  })
  try {
    const first = await Promise.race([promise, late])
    if (first !== LATE) return first as T
  } finally {
    clearTimeout(timer)
  }
  promise.catch(() => {})
  return await onTimeout()
}

const LATE = Symbol('late')
