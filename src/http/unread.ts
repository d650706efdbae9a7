import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { Env } from './context.ts'

/** Milliseconds in which a client takes something of an answer that has no end of its own. */
export const UNREAD = 30_000

/**
 * Lets go of a client that took nothing of its answer for so many milliseconds, though there was something
 * to take: one that waits for us stays. Node sees that; on other runtimes it is theirs to do.
 */
export function abortStalledDownload(
  c: Context<Env>,
  milliseconds: number,
  onLetGo: () => void,
): void {
  const { outgoing } = (c.env ?? {}) as Partial<HttpBindings>
  outgoing?.setTimeout(milliseconds, () => {
    if (outgoing.writableLength === 0) return
    outgoing.destroy()
    onLetGo()
  })
}
