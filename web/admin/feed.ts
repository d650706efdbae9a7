import { createContext } from 'preact'
import { useContext, useEffect, useMemo, useRef } from 'preact/hooks'
import type { Frozen } from '../../src/ledger/event.ts'
import type { Loaded } from '../hooks/use-loaded.ts'
import { usePolled } from '../hooks/use-polled.ts'
import { useStore } from '../hooks/use-store.ts'
import type { SessionKeeper } from '../lib/session.ts'
import { AdminStream, type StreamState } from './admin-stream.ts'

/** What changed on the server, in the words of the screens. */
export type Topic = 'requests' | 'cases'

export interface FeedState extends StreamState {
  /** Goes up when the topic may have changed. */
  versions: Readonly<Record<Topic, number>>
}

/** A wallet was frozen, or unfrozen. */
export interface FreezeEvent {
  userId: string
  /** Undefined: nothing of it is frozen any more. */
  frozen: Frozen | undefined
}

const QUERY = {
  events:
    'request_waiting,provider_case,transaction_completed,transaction_failed,wallet_frozen,wallet_unfrozen',
  type: 'topup,withdrawal,admin_adjustment,refund',
}

/** Many changes within this time are read once. */
const GATHER_MS = 250

/**
 * What concerns every screen of the console. The page reads its list after every `admin_state`, and after events that
 * concern it.
 */
export class AdminFeed {
  readonly #stream: AdminStream
  readonly #watchers = new Set<() => void>()
  readonly #stale = new Set<Topic>()
  #state: FeedState = IDLE
  #timer: number | undefined

  /** @param onFreeze is called for each wallet that is frozen or unfrozen, by whomever */
  constructor(session: SessionKeeper, onFreeze: (event: FreezeEvent) => void) {
    this.#stream = new AdminStream(session, QUERY, (event, data) => {
      if (event === 'wallet_frozen' || event === 'wallet_unfrozen') {
        const { userId, frozen } = JSON.parse(data) as { userId: string; frozen?: Frozen }
        onFreeze({ userId, frozen })
      } else {
        this.#take(event, data)
      }
    })
    this.#stream.subscribe(() => this.#set(this.#stream.getSnapshot()))
  }

  getSnapshot = (): FeedState => this.#state

  subscribe = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** Returns a function that ends it. */
  start(): () => void {
    const end = this.#stream.start()
    return () => {
      end()
      clearTimeout(this.#timer)
    }
  }

  #take(event: string, data: string): void {
    if (event === 'admin_state') {
      this.#mark('requests', 'cases')
    } else if (event === 'provider_case') {
      this.#mark('cases')
    } else {
      this.#mark('requests')
      // What a refund of a provider takes back is an adjustment, and may leave a debt.
      if (data.includes('"admin_adjustment"')) this.#mark('cases')
    }
  }

  #mark(...topics: Topic[]): void {
    for (const topic of topics) this.#stale.add(topic)
    this.#timer ??= window.setTimeout(() => {
      this.#timer = undefined
      const versions = { ...this.#state.versions }
      for (const topic of this.#stale) versions[topic] += 1
      this.#stale.clear()
      this.#set({ versions })
    }, GATHER_MS)
  }

  #set(part: Partial<FeedState>): void {
    this.#state = { ...this.#state, ...part }
    for (const watcher of [...this.#watchers]) watcher()
  }
}

const IDLE: FeedState = { live: false, reason: undefined, versions: { requests: 0, cases: 0 } }
const NO_FEED = { getSnapshot: () => IDLE, subscribe: () => () => {} }

/** The feed of the console. Without one, screens ask from time to time. */
export const FeedContext = createContext<Pick<AdminFeed, 'getSnapshot' | 'subscribe'>>(NO_FEED)

export const useFeed = (): FeedState => useStore(useContext(FeedContext))

/** Also while it is live: a notice can be lost with the process that should have sent it. */
const LIVE_INTERVAL_MS = 60_000

/** The time between two reads of what a stream tells about: long while the stream is live. */
export const pauseWhile = (live: boolean, intervalMs: number): number =>
  live ? LIVE_INTERVAL_MS : intervalMs

/** Reads at first and whenever the topic changed. While the feed is not live, every `intervalMs`. */
export function useFollowed<T>(
  read: (signal: AbortSignal) => Promise<T>,
  inputs: readonly unknown[],
  topic: Topic,
  intervalMs: number,
): Loaded<T> {
  const { live, versions } = useFeed()
  return usePolled(read, inputs, pauseWhile(live, intervalMs), versions[topic])
}

/**
 * A stream for the screen, which tells more of something than the feed. It ends with the screen.
 * @param query what the server leaves out; see `GET /admin/stream`
 * @param take gets each event. After an `admin_state`, read again what is shown
 */
export function useAdminStream(
  session: SessionKeeper,
  query: Record<string, string>,
  take: (event: string, data: string) => void,
): StreamState {
  const taking = useRef(take)
  taking.current = take
  const text = JSON.stringify(query)
  const stream = useMemo(
    () => new AdminStream(session, JSON.parse(text), (...told) => taking.current(...told)),
    [session, text],
  )
  useEffect(() => stream.start(), [stream])
  return useStore(stream)
}
