import { useEffect, useRef, useState } from 'preact/hooks'
import { Masthead } from '../parts/masthead.tsx'
import type { Signed } from '../parts/start.tsx'
import { ToastRegion, Toasts } from '../parts/toasts.tsx'
import { usePolled } from '../parts/use-polled.ts'
import { Audit } from './audit.tsx'
import { readPending } from './pending.ts'
import { Requests } from './requests.tsx'
import { System } from './system.tsx'
import { hrefOf, usePlace } from './use-place.ts'
import { User } from './user.tsx'
import { Users } from './users.tsx'

const PLACES = [
  ['requests', 'Requests'],
  ['users', 'Users'],
  ['audit', 'Audit'],
  ['system', 'System'],
] as const

/** Milliseconds between looks at the queue: no event tells an admin of somebody else's request. */
const LOOK_EVERY = 1_000

export function Console(signed: Signed) {
  const { api, session } = signed
  const [named, userId] = usePlace()
  const place = PLACES.find(([name]) => name === named)?.[0] ?? 'requests'
  const [toasts] = useState(() => new Toasts())
  const pending = usePolled((signal) => readPending(api, signal), [api], LOOK_EVERY)
  const waiting = pending.value?.items.length ?? 0
  const count = pending.value?.nextCursor ? `${waiting}+` : String(waiting)
  useEffect(() => {
    document.title = `${waiting > 0 ? `(${count}) ` : ''}Console · Livebalance`
  }, [waiting, count])

  const main = useRef<HTMLElement>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another place is another page
  useEffect(() => main.current?.focus({ preventScroll: true }), [place, userId])

  return (
    <>
      <div class="page">
        <Masthead place="Console" session={session} />
        <nav class="nav" aria-label="Console">
          {PLACES.map(([name, title]) => (
            <a
              key={name}
              href={hrefOf(name)}
              {...(name === place && { 'aria-current': 'page' as const })}
            >
              {title}
              {name === 'requests' && waiting > 0 && (
                <span class="chip wait">
                  {count}
                  <span class="sr-only"> waiting</span>
                </span>
              )}
            </a>
          ))}
        </nav>
        <main id="main" tabIndex={-1} ref={main}>
          {place === 'users' && userId !== undefined ? (
            <User key={userId} {...signed} id={userId} toasts={toasts} />
          ) : place === 'users' ? (
            <Users {...signed} />
          ) : place === 'audit' ? (
            <Audit {...signed} toasts={toasts} />
          ) : place === 'system' ? (
            <System {...signed} />
          ) : (
            <Requests {...signed} pending={pending} toasts={toasts} />
          )}
        </main>
      </div>
      <ToastRegion toasts={toasts} />
    </>
  )
}
