import module from 'node:module'

// Node 22.1 and newer can store compiled code for the next start. Older ones, and the types of Node 20, cannot.
const { enableCompileCache } = module as { enableCompileCache?: () => unknown }
enableCompileCache?.()

// Imported after the call, because the cache stores only code that is loaded later.
const { parseConfig } = await import('./config/config.ts')
const { createLogger } = await import('./lib/log.ts')
const { LOCAL_PAGES } = await import('./lib/origins.ts')
const { ShutdownStack } = await import('./lib/shutdown-stack.ts')
const { startFailure } = await import('./local/errors.ts')
const { urlOf, welcome } = await import('./local/demo.ts')
const { startServer } = await import('./start.ts')

const shutdown = new ShutdownStack()
let stopping: Promise<void> | undefined

function stop(): void {
  // A second signal ends the process immediately. A private Postgres and Redis end with it.
  if (stopping) process.exit(1)
  stopping = shutdown
    .run()
    .catch(fail)
    .then(() => process.exit(0))
}

function fail(error: unknown): never {
  console.error(startFailure(error) ?? error)
  process.exit(1)
}

// Set before the start, so that a signal during the start ends everything started until then.
process.on('SIGINT', stop)
process.on('SIGTERM', stop)
try {
  const config = parseConfig()
  const log = createLogger(config)
  const server = await startServer(config, log, shutdown)
  const { address, dataDir, redis, secret } = server
  if (dataDir !== undefined && secret !== undefined && !config.production) {
    process.stdout.write(await welcome(server, secret, config))
  }
  if (config.corsOrigins.includes(LOCAL_PAGES)) {
    log.info('Pages of localhost and 127.0.0.1 may call, on any port; CORS_ORIGINS allows others')
  }
  log.info({ url: urlOf(address), redis, dataDir }, 'Livebalance is ready')
} catch (error) {
  // After a signal during the start, steps under way fail. That is no failure to report.
  if (stopping) await stopping
  await shutdown.run().catch(() => {})
  fail(error)
}
