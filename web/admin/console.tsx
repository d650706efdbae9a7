import { useEffect, useRef, useState } from 'preact/hooks'
import { Masthead } from '../parts/masthead.tsx'
import type { Signed } from '../parts/start.tsx'
import { usePolled } from '../parts/use-polled.ts'
import { Audit } from './audit.tsx'
import { type QueueQuery, readQueue } from './pending.ts'
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
  const [query, setQuery] = useState<QueueQuery>({ currency: '', starts: [] })
  const pending = usePolled((signal) => readQueue(api, query, signal), [api, query], LOOK_EVERY)
  const waiting = pending.value?.waiting ?? 0
  useEffect(() => {
    document.title = `${waiting > 0 ? `(${waiting}) ` : ''}Console · Livebalance`
  }, [waiting])

  const main = useRef<HTMLElement>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another place is another page
  useEffect(() => main.current?.focus({ preventScroll: true }), [place, userId])

  return (
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
                {waiting}
                <span class="sr-only"> waiting</span>
              </span>
            )}
          </a>
        ))}
      </nav>
      <main id="main" tabIndex={-1} ref={main}>
        {place === 'users' && userId !== undefined ? (
          <User key={userId} {...signed} id={userId} />
        ) : place === 'users' ? (
          <Users {...signed} />
        ) : place === 'audit' ? (
          <Audit {...signed} />
        ) : place === 'system' ? (
          <System {...signed} />
        ) : (
          <Requests {...signed} pending={pending} query={query} turn={setQuery} />
        )}
      </main>
    </div>
  )
}
