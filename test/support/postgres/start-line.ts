import pino from 'pino'
import { parseConfig } from '../../../src/config/config.ts'
import { ShutdownStack } from '../../../src/lib/shutdown-stack.ts'
import { startFailure } from '../../../src/local/errors.ts'
import { startServer } from '../../../src/start.ts'
import { TEST_SECRET } from '../index.ts'

/** The line that a server with these settings ends with instead of starting; null: it would end with a stack. */
export async function startLine(settings: Record<string, string>): Promise<string | null> {
  const releases = new ShutdownStack()
  const env = {
    HOST: '127.0.0.1',
    PORT: '0',
    JWT_SECRET: TEST_SECRET,
    DATABASE_WAIT: '0',
    ...settings,
  }
  try {
    await startServer(parseConfig(env), pino({ level: 'silent' }), releases)
    return 'it has started'
  } catch (error) {
    return startFailure(error)
  } finally {
    await releases.run()
  }
}
