export interface SamplingOptions {
  /** Milliseconds for which a reading stands. */
  every: number
  /** Milliseconds that a caller waits for it. */
  patience: number
}

/**
 * A reading that costs something: taken again only when it is old, never twice at once, and null where it
 * fails or takes too long. What is late counts for the next caller.
 */
export function sampled<T>(
  read: () => Promise<T>,
  { every, patience }: SamplingOptions,
): () => Promise<T | null> {
  let last: { value: T; at: number } | undefined
  let reading: Promise<T | null> | undefined

  async function take(): Promise<T | null> {
    try {
      const value = await read()
      last = { value, at: performance.now() }
      return value
    } catch {
      return null
    } finally {
      reading = undefined
    }
  }

  return async () => {
    if (last && performance.now() - last.at < every) return last.value
    reading ??= take()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(resolve, patience, null)
    })
    try {
      return await Promise.race([reading, late])
    } finally {
      clearTimeout(timer)
    }
  }
}
