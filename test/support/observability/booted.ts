import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { inject } from 'vitest'
import { parseConfig } from '../../../src/config/config.ts'
import { createLogger } from '../../../src/lib/log.ts'
import { ShutdownStack } from '../../../src/lib/shutdown-stack.ts'
import { startServer } from '../../../src/start.ts'
import { test as base } from '../fixtures.ts'
import { redisUrl, TEST_SECRET } from '../index.ts'

export interface Booted {
  url: string
  /** The lines of its log, parsed. */
  log: Record<string, unknown>[]
  close(): Promise<void>
}

/** Starts the whole server in this process, built as by `npm start`. */
export async function bootServer(env: Record<string, string>): Promise<Booted> {
  const config = parseConfig({
    PORT: '0',
    HOST: '127.0.0.1',
    JWT_SECRET: TEST_SECRET,
    DRAIN_SECONDS: '0',
    LOG_LEVEL: 'info',
    DATA_DIR: await mkdtemp(join(inject('runFolder'), 'data-')),
    ...env,
  })
  const log: Booted['log'] = []
  const logger = createLogger(config, false, { write: (line) => void log.push(JSON.parse(line)) })
  const releases = new ShutdownStack()
  const { address } = await startServer(config, logger, releases)
  return { url: `http://127.0.0.1:${address.port}`, log, close: () => releases.run() }
}

/** Tests of a whole server on a real Postgres and Redis. A file that asks for it has one, and logs everything. */
export const test = base.extend(
  'server',
  { scope: 'file' },
  async ({ database }, { onCleanup }) => {
    const server = await bootServer({
      DATABASE_URL: database.ownerUrl,
      REDIS_URL: redisUrl(),
      LOG_LEVEL: 'debug',
    })
    onCleanup(() => server.close())
    return server
  },
)
