import { useEffect } from 'preact/hooks'
import { endsSession } from './problem.ts'
import { type Loaded, useLoaded } from './use-loaded.ts'

/** Milliseconds between attempts after a failure. */
const PATIENCE = 5_000

/** Reads anew every so many milliseconds while the page is looked at, never twice at once. */
export function usePolled<T>(
  read: (signal: AbortSignal) => Promise<T>,
  inputs: readonly unknown[],
  every: number,
): Loaded<T> {
  const loaded = useLoaded(read, inputs)
  const { loading, problem, reload } = loaded
  useEffect(() => {
    if (loading || endsSession(problem)) return
    const pause = problem === undefined ? every : Math.max(every, PATIENCE)
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
  }, [loading, problem, reload, every])
  return loaded
}
