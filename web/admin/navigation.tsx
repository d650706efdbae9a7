import { useEffect, useRef, useState } from 'preact/hooks'
import { useId } from '../hooks/use-id.ts'
import { hrefOf } from './address.ts'
import { GROUPS, type Screen } from './screens.ts'

interface NavigationProps {
  screens: readonly Screen[]
  /** The open screen. */
  current: Screen | undefined
  /** What waits on a screen, by its path. */
  waiting: Readonly<Record<string, number>>
}

/** The links to all screens in groups: beside the screen on a desktop, behind a button on a phone. */
export function Navigation({ screens, current, waiting }: NavigationProps) {
  const [open, setOpen] = useState(false)
  const id = useId()
  const here = current && (current.group ? current : parentOf(current, screens))
  // biome-ignore lint/correctness/useExhaustiveDependencies: another screen was opened
  useEffect(() => setOpen(false), [current])
  const toggle = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (!open) return
    const close = ({ key }: KeyboardEvent) => {
      if (key !== 'Escape') return
      setOpen(false)
      toggle.current?.focus()
    }
    document.addEventListener('keydown', close)
    return () => document.removeEventListener('keydown', close)
  }, [open])
  const total = Object.values(waiting).reduce((sum, count) => sum + count, 0)
  return (
    <nav class="console-nav" aria-label="Console">
      <button
        type="button"
        class="nav-toggle"
        aria-expanded={open}
        aria-controls={id}
        ref={toggle}
        onClick={() => setOpen(!open)}
      >
        <span class="nav-bars" aria-hidden="true" />
        {here?.title ?? 'Menu'}
        <span class="sr-only">: all screens</span>
        {total > 0 && here && !waiting[here.path] && <Waiting count={total} />}
      </button>
      <div id={id} class="nav-groups" data-open={open}>
        {GROUPS.map((group) => {
          const links = screens.filter((screen) => screen.group === group)
          if (links.length === 0) return null
          return (
            <div key={group} class="nav-group">
              <h2 id={`${id}-${group}`}>{group}</h2>
              <ul aria-labelledby={`${id}-${group}`}>
                {links.map((screen) => (
                  <li key={screen.path}>
                    <a
                      href={hrefOf(...screen.path.split('/'))}
                      {...(screen === here && { 'aria-current': 'page' as const })}
                      onClick={() => setOpen(false)}
                    >
                      {screen.title}
                      <Waiting count={waiting[screen.path] ?? 0} />
                    </a>
                  </li>
                ))}
              </ul>
            </div>
          )
        })}
      </div>
    </nav>
  )
}

function Waiting({ count }: { count: number }) {
  if (count === 0) return null
  return (
    <span class="chip wait">
      {count}
      <span class="sr-only"> waiting</span>
    </span>
  )
}

/** The screen at the beginning of the path: `users` of `users/:id`. */
function parentOf({ path }: Screen, screens: readonly Screen[]): Screen | undefined {
  return screens.find((screen) => screen.group && path.startsWith(`${screen.path}/`))
}
