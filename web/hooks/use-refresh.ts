import { useCallback, useEffect, useRef, useState } from 'preact/hooks'

/** Milliseconds from one reading to the next, whatever happens. */
const PAUSE_MS = 1_000

/**
 * Versions of what a page shows, by name. What is marked gets another version, one name at a time and at
 * most one a second, however often it is marked: reading it anew then costs no more than that. Nothing is
 * read while nobody looks at the page.
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
