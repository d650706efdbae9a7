import { fork } from 'node:child_process'
import { once } from 'node:events'

/** What the live connections have heard so far, all together. */
export interface Heard {
  /** Connections that were told their balance. */
  open: number
  /** Events that followed without a hole. */
  events: number
  /** Events that came twice, out of order, or after a hole. */
  gaps: number
  /** Connections that ended. */
  closed: number
}

export interface Listeners {
  heard(): Promise<Heard>
  end(): void
}

/** Opens so many connections from a process of their own, spread over the three transports. */
export async function openListeners(port: number, count: number): Promise<Listeners> {
  const child = fork(new URL('connections.ts', import.meta.url), [String(port), String(count)], {
    execArgv: ['--import', 'tsx'],
  })
  child.once('exit', (code) => {
    if (code) throw new Error(`the connections’ process ended with ${code}`)
  })
  await once(child, 'message')
  return {
    async heard() {
      const answer = once(child, 'message')
      child.send('heard')
      const [heard] = await answer
      return heard as Heard
    },
    end: () => child.disconnect(),
  }
}
