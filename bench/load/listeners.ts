import { fork } from 'node:child_process'
import { once } from 'node:events'

/** The counts of all live connections so far. */
export interface Heard {
  /** Connections that received their balance. */
  open: number
  /** Events that followed the one before without a gap. */
  events: number
  /** Events that were repeated, out of order, or after a gap. */
  gaps: number
  /** Connections that ended. */
  closed: number
}

export interface Listeners {
  heard(): Promise<Heard>
  end(): void
}

/** Opens connections from a separate process, evenly over the three transports. */
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
