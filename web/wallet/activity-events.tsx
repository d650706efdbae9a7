import { useEffect, useState } from 'preact/hooks'
import type { BalanceClient, BalanceEvent, EventsPage } from '../../src/client/index.ts'
import { Button } from '../components/button.tsx'
import { Empty, Failure, Loading } from '../components/states.tsx'
import { useLoaded } from '../hooks/use-loaded.ts'
import { words } from '../lib/language.ts'
import { fullTime, shortTime } from '../lib/time.ts'
import { wordsOf } from './event-words.ts'
import { once } from './told-once.ts'

/** Events that are read at a time. A transaction has two. */
const PER_PAGE = 20

/** After so many new events the list begins again with the newest page, so that a busy wallet's does not grow. */
const MAX_LIVE = 200

/** The events, newest first, with those that arrive. */
export function ActivityEvents({
  client,
  currency,
}: {
  client: BalanceClient
  currency: string | undefined
}) {
  const { events, page, older } = useEvents(client)
  const { activity: text } = words()
  const told = events.flatMap((event) => {
    if (currency !== undefined && 'currency' in event && event.currency !== currency) return []
    const words = wordsOf(event)
    return words ? [{ ...words, seq: event.seq, timestamp: event.timestamp }] : []
  })
  return (
    <>
      {page.problem !== undefined && <Failure problem={page.problem} retry={page.reload} />}
      {!page.value && page.loading && <Loading what={text.reading} lines={3} />}
      {page.value && told.length === 0 && !older && (
        <Empty title={text.emptyTitle}>{text.empty}</Empty>
      )}
      {told.length === 0 && older && currency && <p class="soft">{text.noneHere(currency)}</p>}
      {told.length > 0 && (
        <ol class="activity">
          {told.map(({ seq, tone, title, text, timestamp }) => (
            <li key={seq}>
              <span class={`dot ${tone}`} aria-hidden="true" />
              <span class="what">
                {title}
                {text && <span class="note">{text}</span>}
              </span>
              <time class="soft small" dateTime={timestamp} title={fullTime(timestamp)}>
                {shortTime(timestamp)}
              </time>
            </li>
          ))}
        </ol>
      )}
      {older && (
        <Button kind="quiet compact" idle={page.loading} about={older.before} onClick={older.read}>
          {text.earlier}
        </Button>
      )}
    </>
  )
}

/** Past events and those that arrive, newest first, each once. */
function useEvents(client: BalanceClient) {
  const [live, setLive] = useState<readonly BalanceEvent[]>([])
  const [earlier, setEarlier] = useState<readonly EventsPage[]>([])
  const [before, setBefore] = useState<string>()
  const [restarts, setRestarts] = useState(0)
  useEffect(() => {
    let count = 0
    const restart = () => {
      count = 0
      setLive([])
      setEarlier([])
      setBefore(undefined)
      setRestarts((n) => n + 1)
    }
    const stops = [
      client.on('*', (event) => {
        count += 1
        if (count > MAX_LIVE) restart()
        setLive((events) => [event, ...events])
      }),
      // Events are missing.
      client.on('balance_initial', ({ recovered }) => {
        if (recovered === false) restart()
      }),
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }, [client])
  const page = useLoaded(
    async () => ({ before, ...(await client.history({ before, limit: PER_PAGE })) }),
    [client, before, restarts],
  )
  const { value } = page
  const pages = value && value.before === before ? [...earlier, value] : earlier
  const past = pages.flatMap(({ items }) => items)
  const bySeq = new Map(once(past, live).map((event) => [event.seq, event]))
  const next = pages.at(-1)?.nextCursor ?? undefined
  return {
    events: [...bySeq.values()].sort((a, b) => b.seq - a.seq),
    page,
    older: next && {
      before: next,
      read() {
        setEarlier(pages)
        setBefore(next)
      },
    },
  }
}
