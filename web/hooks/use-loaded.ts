import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { Problem } from '../lib/problem.ts'

/** The result of a read. `value` stays while it is read again, and if that fails. */
export interface Loaded<T> {
  value: T | undefined
  problem: unknown
  loading: boolean
  /** Reads again: now, or after the current read. */
  reload(): void
}

/** The delay before a read is repeated that the server was too busy to answer. */
const RETRY_MS = 5_000

/**
 * Reads at first, and again when `inputs` change, which aborts the current read. A new `version` only says that
 * the value may have changed. It never aborts a read, because a busy wallet on a slow line would then never
 * be loaded.
 */
export function useLoaded<T>(
  read: (signal: AbortSignal) => Promise<T>,
  inputs: readonly unknown[],
  version?: unknown,
): Loaded<T> {
  const [state, setState] = useState<Omit<Loaded<T>, 'reload'>>({
    value: undefined,
    problem: undefined,
    loading: true,
  })
  const reading = useRef(read)
  reading.current = read
  const reload = useRef(() => {})
  useEffect(() => {
    const abort = new AbortController()
    let busy = false
    let again = false
    let retry: number | undefined
    const settle = (state: (before: Omit<Loaded<T>, 'reload'>) => Omit<Loaded<T>, 'reload'>) => {
      if (abort.signal.aborted) return
      busy = false
      setState(state)
      if (again) start()
    }
    const start = () => {
      again = busy
      if (busy) return
      busy = true
      clearTimeout(retry)
      setState((state) => ({ ...state, loading: true }))
      reading.current(abort.signal).then(
        (value) => settle(() => ({ value, problem: undefined, loading: false })),
        (problem: unknown) => {
          settle((state) => ({ ...state, problem, loading: false }))
          const passing = problem instanceof Problem && [429, 503].includes(problem.status)
          if (passing && !abort.signal.aborted) retry = window.setTimeout(start, RETRY_MS)
        },
      )
    }
    reload.current = start
    start()
    return () => {
      clearTimeout(retry)
      abort.abort()
    }
  }, [...inputs])
  const first = useRef(true)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another version is the reason
  useEffect(() => {
    if (!first.current) reload.current()
    first.current = false
  }, [version])
  return { ...state, reload: useCallback(() => reload.current(), []) }
}
