import { onTestFinished } from 'vitest'
import { openClient } from '../../../src/client/client.ts'
import type { BalanceClientOptions, BalanceEvent } from '../../../src/client/index.ts'
import {
  type Channel,
  currentRuntime,
  type Locks,
  type Runtime,
  type TabTools,
} from '../../../src/client/runtime.ts'
import { NodeWebSocket, type Recorded } from './recorded.ts'

/** One tab with its client, and the things that can happen to a tab. */
export interface Tab extends Recorded {
  /** Ends the tab at once, without a message to the others. */
  crash(): void
  /** The tab stops running and answering, but keeps its lock and its connection, like a frozen background tab. */
  freeze(): void
  /** The tab becomes visible, or its network is back. */
  awake(): void
  /** The page enters the back-forward cache, or returns from it. */
  putAway(away: boolean): void
}

interface Waiting {
  grant(): void
  signal: AbortSignal | undefined
}

interface Holding {
  tab: object
  release(): void
  lose(reason: Error): void
}

/**
 * A stand-in for a browser with tabs, Web Locks and BroadcastChannels. `test/web/tab-tools.test.ts` compares it with
 * a real one.
 */
export class Browser {
  readonly #channels = new Map<string, Set<{ tab: { frozen: boolean }; channel: Channel }>>()
  readonly #held = new Map<string, Holding>()
  readonly #queues = new Map<string, Waiting[]>()

  open(options: BalanceClientOptions, online = true): Tab {
    const tab = { frozen: false, online }
    const tabs = this.toolsOf(tab)
    const awake = new Set<() => void>()
    const putAway = new Set<(away: boolean) => void>()
    const around: Runtime = {
      ...currentRuntime(),
      WebSocket: NodeWebSocket,
      tabs,
      isOnline: () => tab.online,
      onWake: (listener) => {
        awake.add(listener)
        return () => awake.delete(listener)
      },
      onSuspend: (listener) => {
        putAway.add(listener)
        return () => putAway.delete(listener)
      },
    }
    const client = openClient({ retry: { minDelay: 20, maxDelay: 100 }, ...options }, around)
    onTestFinished(() => client.close())
    const events: BalanceEvent[] = []
    client.on('*', (event) => events.push(event))
    return {
      ...client,
      events,
      seqs: () => events.map(({ seq }) => seq),
      freeze: () => {
        tab.frozen = true
      },
      awake: () => {
        for (const listener of awake) listener()
      },
      putAway: (away) => {
        for (const listener of putAway) listener(away)
      },
      crash: () => {
        tab.frozen = true
        client.close()
        this.#forget(tab)
      },
    }
  }

  /** The Web Locks and BroadcastChannels of one tab. */
  toolsOf(tab: { frozen: boolean }): TabTools {
    return {
      locks: this.#locks(tab),
      openChannel: (name) => this.#channel(name, tab),
    }
  }

  #forget(tab: object): void {
    for (const holding of [...this.#held.values()]) if (holding.tab === tab) holding.release()
  }

  #channel(name: string, tab: { frozen: boolean }): Channel {
    const members = this.#channels.get(name) ?? new Set()
    this.#channels.set(name, members)
    const channel: Channel = {
      onmessage: null,
      postMessage: (message) => {
        if (tab.frozen) return
        for (const member of members) {
          if (member === own) continue
          // The others receive a copy, in a later turn of the event loop.
          const data = structuredClone(message)
          setImmediate(() => {
            if (members.has(member) && !member.tab.frozen) {
              member.channel.onmessage?.({ data } as never)
            }
          })
        }
      },
      close: () => members.delete(own),
    }
    const own = { tab, channel }
    members.add(own)
    return channel
  }

  #locks(tab: object): Locks {
    return {
      request: (name, { signal, steal }, callback) =>
        new Promise((resolve, reject) => {
          const grant = () => {
            let over = false
            const end = (settle: () => void) => {
              if (over) return
              over = true
              if (this.#held.get(name) === holding) this.#held.delete(name)
              settle()
              this.#next(name)
            }
            const holding: Holding = {
              tab,
              release: () => end(() => resolve(undefined)),
              lose: (reason) => {
                over = true
                reject(reason)
              },
            }
            this.#held.set(name, holding)
            void callback().then(holding.release)
          }
          if (steal) {
            this.#held.get(name)?.lose(new DOMException('stolen', 'AbortError'))
            this.#held.delete(name)
            return void setImmediate(grant)
          }
          signal?.addEventListener('abort', () => reject(signal.reason))
          const queue = this.#queues.get(name) ?? []
          this.#queues.set(name, [...queue, { grant, signal }])
          setImmediate(() => this.#next(name))
        }),
    }
  }

  #next(name: string): void {
    if (this.#held.has(name)) return
    const queue = this.#queues.get(name) ?? []
    let first = queue.shift()
    while (first?.signal?.aborted) first = queue.shift()
    first?.grant()
  }
}
