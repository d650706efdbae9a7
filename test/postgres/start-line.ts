import pino from 'pino'
import { boot } from '../../src/boot.ts'
import { parseConfig } from '../../src/config/config.ts'
import { startFailure } from '../../src/config/start-failure.ts'
import { Releases } from '../../src/lib/shutdown-stack.ts'
import { TEST_SECRET } from '../support/index.ts'

/** The line that a server with these settings ends with instead of starting; null: it would end with a stack. */
export async function startLine(settings: Record<string, string>): Promise<string | null> {
  const releases = new Releases()
  const env = { HOST: '127.0.0.1', PORT: '0', JWT_SECRET: TEST_SECRET, ...settings }
  try {
    await boot(parseConfig(env), pino({ level: 'silent' }), releases)
    return 'it has started'
  } catch (error) {
    return startFailure(error)
  } finally {
    await releases.run()
  }
}
