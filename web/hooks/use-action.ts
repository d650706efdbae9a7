import { useCallback, useRef, useState } from 'preact/hooks'

/** An action that a person starts, whether it is running, and the error of the last attempt. */
export interface Action<A extends unknown[]> {
  busy: boolean
  problem: unknown
  /** Does nothing while the action is running. Resolves to whether it succeeded. */
  run(...args: A): Promise<boolean>
  forget(): void
}

export function useAction<A extends unknown[]>(act: (...args: A) => Promise<unknown>): Action<A> {
  const [state, setState] = useState<{ busy: boolean; problem: unknown }>({
    busy: false,
    problem: undefined,
  })
  const acting = useRef(act)
  acting.current = act
  const busy = useRef(false)
  const run = useCallback(async (...args: A) => {
    if (busy.current) return false
    busy.current = true
    setState({ busy: true, problem: undefined })
    try {
      await acting.current(...args)
      setState({ busy: false, problem: undefined })
      return true
    } catch (problem) {
      setState({ busy: false, problem })
      return false
    } finally {
      busy.current = false
    }
  }, [])
  const forget = useCallback(() => setState((state) => ({ ...state, problem: undefined })), [])
  return { ...state, run, forget }
}
