import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { ConfigError } from '../config/config.ts'

/**
 * Rejects as `listen` would if the port cannot be used. Called before anything is started, so that no database
 * is started in vain.
 */
export async function ensurePort(port: number, host: string): Promise<void> {
  const probe = createServer()
  probe.listen(port, host)
  await once(probe, 'listening').catch((error) => {
    // Reported here, where only the name in HOST is looked up. Later it could be the database's.
    if (error.syscall !== 'getaddrinfo') throw error
    throw new ConfigError(`HOST: the name ${host} is not known (${error.code})`)
  })
  probe.close()
  await once(probe, 'close')
}

/**
 * Finds a loopback port that is free now. It is below 32768, where Linux begins the ports of outgoing
 * connections. One of those could take the port before the listener starts.
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
      // The port is taken. Try another one.
    } finally {
      probe.close()
    }
  }
}
