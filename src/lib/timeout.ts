export interface SleepOptions {
  /** Lets the process exit before the time is up. */
  unref?: boolean
  /** Ends the sleep early. */
  signal?: AbortSignal
}

/** Resolves after so many milliseconds, or when the signal is aborted. */
export function sleep(ms: number, { unref = false, signal }: SleepOptions = {}): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const wake = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', wake)
      resolve()
    }
    const timer = setTimeout(wake, ms)
    // In a browser and on some runtimes a timer is a number.
    if (unref && typeof timer === 'object') timer.unref()
    signal?.addEventListener('abort', wake)
  })
}

/**
 * Settles as the promise does, or as `onTimeout` does if the promise takes longer than so many milliseconds.
 * The work behind the promise is not stopped. Its late value or error is dropped.
 *
 * @param onTimeout returns a value instead of the promise's, or throws
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
