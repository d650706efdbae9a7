import { once } from 'node:events'
import { createServer } from 'node:net'
import { ConfigError } from '../config/environment.ts'

/**
 * Rejects when the port cannot be had, as `listen` would: asked before anything is started, so that a
 * taken port costs nobody the start of a database.
 */
export async function ensurePort(port: number, host: string): Promise<void> {
  const probe = createServer()
  probe.listen(port, host)
  await once(probe, 'listening').catch((error) => {
    // Only the name of a host is looked up here: said now, for later it could as well be the database's.
    if (error.syscall !== 'getaddrinfo') throw error
    throw new ConfigError(`HOST: the name ${host} is not known (${error.code})`)
  })
  probe.close()
  await once(probe, 'close')
}
