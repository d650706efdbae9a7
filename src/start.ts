import { boot } from './boot.ts'
import { parseConfig } from './config/config.ts'
import { createLogger } from './lib/log.ts'
import { Releases } from './lib/shutdown-stack.ts'
import { startFailure } from './local/start-failure.ts'
import { urlOf, welcome } from './local/welcome.ts'

const releases = new Releases()
let stopping: Promise<void> | undefined

function stop(code: number): void {
  // A second signal means now. What was started privately ends with the process.
  if (stopping) process.exit(code || 1)
  stopping = releases
    .run()
    .catch(fail)
    .then(() => process.exit(code))
}

function fail(error: unknown): never {
  const line = startFailure(error)
  if (line === null) console.error(error)
  else console.error(line)
  process.exit(1)
}

/** Starts the server of this process's environment, and ends it, and the process, at SIGINT and SIGTERM. */
export async function start(): Promise<void> {
  // Before anything is started: a signal in the middle ends what there is by then.
  process.on('SIGINT', () => stop(0))
  process.on('SIGTERM', () => stop(0))
  try {
    const config = parseConfig()
    const log = createLogger(config)
    const running = await boot(config, log, releases)
    const { dataDir, redis, secret } = running
    if (dataDir !== undefined && secret !== undefined && !config.production) {
      process.stdout.write(await welcome(running, secret, config))
    }
    const url = urlOf(running.address)
    log.info({ url, redis, dataDir }, 'Livebalance is ready')
  } catch (error) {
    // Stopped while starting: what was under way failed for that reason.
    if (stopping) await stopping
    await releases.run().catch(() => {})
    fail(error)
  }
}
