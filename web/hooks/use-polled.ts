import { useEffect } from 'preact/hooks'
import { endsSession } from '../lib/problem.ts'
import { type Loaded, useLoaded } from './use-loaded.ts'

/** The time between attempts after a failure. */
const RETRY_MS = 5_000

/**
 * Reads again every `intervalMs` while the page is visible, and never twice at the same time.
 * @param version another one says that the value may have changed, so it is read again now
 */
export function usePolled<T>(
  read: (signal: AbortSignal) => Promise<T>,
  inputs: readonly unknown[],
  intervalMs: number,
  version?: unknown,
): Loaded<T> {
  const loaded = useLoaded(read, inputs, version)
  const { loading, problem, reload } = loaded
  useEffect(() => {
    if (loading || endsSession(problem)) return
    const pause = problem === undefined ? intervalMs : RETRY_MS
    let timer: number | undefined
    const schedule = () => {
      clearTimeout(timer)
      if (document.visibilityState === 'visible') timer = window.setTimeout(reload, pause)
    }
    const seen = () => {
      clearTimeout(timer)
      if (document.visibilityState === 'visible') reload()
    }
    schedule()
    document.addEventListener('visibilitychange', seen)
    return () => {
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', seen)
    }
  }, [loading, problem, reload, intervalMs])
  return loaded
}
