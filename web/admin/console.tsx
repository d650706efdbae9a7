import { useEffect, useRef, useState } from 'preact/hooks'
import { Masthead } from '../components/masthead.tsx'
import type { PageProps } from '../components/start.tsx'
import { usePolled } from '../hooks/use-polled.ts'
import { Audit } from './audit.tsx'
import { type QueueQuery, readQueue } from './request-queue.ts'
import { Requests } from './requests.tsx'
import { System } from './system.tsx'
import { hrefOf, useRoute } from './use-route.ts'
import { User } from './user.tsx'
import { Users } from './users.tsx'

const PLACES = [
  ['requests', 'Requests'],
  ['users', 'Users'],
  ['audit', 'Audit'],
  ['system', 'System'],
] as const

/** The time between two reads of the queue, because admins get no event for the requests of users. */
const POLL_INTERVAL_MS = 1_000

export function Console(props: PageProps) {
  const { api, session } = props
  const [named, userId] = useRoute()
  const place = PLACES.find(([name]) => name === named)?.[0] ?? 'requests'
  const [query, setQuery] = useState<QueueQuery>({ currency: '', starts: [] })
  const pending = usePolled(
    (signal) => readQueue(api, query, signal),
    [api, query],
    POLL_INTERVAL_MS,
  )
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
          <User key={userId} {...props} id={userId} />
        ) : place === 'users' ? (
          <Users {...props} />
        ) : place === 'audit' ? (
          <Audit {...props} />
        ) : place === 'system' ? (
          <System {...props} />
        ) : (
          <Requests {...props} pending={pending} query={query} turn={setQuery} />
        )}
      </main>
    </div>
  )
}
