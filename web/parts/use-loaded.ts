import { useCallback, useEffect, useRef, useState } from 'preact/hooks'

/** What was asked for: `value` stays while it is read anew, and when that fails. */
export interface Loaded<T> {
  value: T | undefined
  problem: unknown
  loading: boolean
  reload(): void
}

/** Reads when the page shows it first, when `inputs` change, and on `reload`. The newest reading wins. */
export function useLoaded<T>(
  read: (signal: AbortSignal) => Promise<T>,
  inputs: readonly unknown[],
): Loaded<T> {
  const [state, setState] = useState<Omit<Loaded<T>, 'reload'>>({
    value: undefined,
    problem: undefined,
    loading: true,
  })
  const [turn, setTurn] = useState(0)
  const reading = useRef(read)
  reading.current = read
  // biome-ignore lint/correctness/useExhaustiveDependencies: the caller names what the reading depends on
  useEffect(() => {
    const abort = new AbortController()
    setState((state) => ({ ...state, loading: true }))
    reading.current(abort.signal).then(
      (value) => {
        if (!abort.signal.aborted) setState({ value, problem: undefined, loading: false })
      },
      (problem: unknown) => {
        if (!abort.signal.aborted) setState((state) => ({ ...state, problem, loading: false }))
      },
    )
    return () => abort.abort()
  }, [...inputs, turn])
  const reload = useCallback(() => setTurn((turn) => turn + 1), [])
  return { ...state, reload }
}
