import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * A loopback port that is free right now. Below 32768, where Linux takes the ports of outgoing
 * connections from: one of those could occupy it between this look and the listener's start.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10240, 32768)
    const probe = createServer()
    try {
      probe.listen(port, '127.0.0.1')
      await once(probe, 'listening')
      return port
    } catch {
      // Taken: draw again.
    } finally {
      probe.close()
    }
  }
}
