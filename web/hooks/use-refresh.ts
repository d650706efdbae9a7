import { useCallback, useEffect, useRef, useState } from 'preact/hooks'

/** The shortest time between two reads. */
const PAUSE_MS = 1_000

/**
 * Versions of the data on a page, by name. `mark` increases the versions of its names: one name at a time, and
 * at most one each second. That limits how often the page reads them again. Nothing is read while the page
 * is hidden.
 */
export function useRefresh<Name extends string>(): {
  versions: Readonly<Partial<Record<Name, number>>>
  mark: (...names: Name[]) => void
} {
  const [versions, setVersions] = useState<Partial<Record<Name, number>>>({})
  const stale = useRef(new Set<Name>())
  const timer = useRef<number | undefined>(undefined)
  const last = useRef(Number.NEGATIVE_INFINITY)

  const schedule = useCallback(() => {
    if (timer.current !== undefined || stale.current.size === 0) return
    if (document.visibilityState !== 'visible') return
    const pause = Math.max(0, last.current + PAUSE_MS - performance.now())
    timer.current = window.setTimeout(() => {
      timer.current = undefined
      const [name] = stale.current
      if (name === undefined) return
      stale.current.delete(name)
      last.current = performance.now()
      setVersions((versions) => ({ ...versions, [name]: (versions[name] ?? 0) + 1 }))
      schedule()
    }, pause)
  }, [])

  const mark = useCallback(
    (...names: Name[]) => {
      for (const name of names) stale.current.add(name)
      schedule()
    },
    [schedule],
  )

  useEffect(() => {
    document.addEventListener('visibilitychange', schedule)
    return () => {
      document.removeEventListener('visibilitychange', schedule)
      clearTimeout(timer.current)
    }
  }, [schedule])
  return { versions, mark }
}
