import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Rejects when the port cannot be had, as `listen` would: asked before anything is started, so that a
 * taken port costs nobody the start of a database.
 */
export async function ensurePort(port: number, host: string): Promise<void> {
  const probe = createServer()
  probe.listen(port, host)
  await once(probe, 'listening')
  probe.close()
  await once(probe, 'close')
}
