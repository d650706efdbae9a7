import module from 'node:module'

// Node 22.1 and newer keep compiled code between starts. Older ones, and the types of Node 20, lack this.
const { enableCompileCache } = module as { enableCompileCache?: () => unknown }
enableCompileCache?.()

// Imported only now, because the cache takes in what is loaded after the call.
const { parseConfig } = await import('./config/config.ts')
const { createLogger } = await import('./lib/log.ts')
const { ShutdownStack } = await import('./lib/shutdown-stack.ts')
const { startFailure } = await import('./local/errors.ts')
const { urlOf, welcome } = await import('./local/demo.ts')
const { startServer } = await import('./start.ts')

const shutdown = new ShutdownStack()
let stopping: Promise<void> | undefined

function stop(): void {
  // A second signal means now. What was started privately ends with the process.
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

// Before anything is started: a signal in the middle ends what there is by then.
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
  log.info({ url: urlOf(address), redis, dataDir }, 'Livebalance is ready')
} catch (error) {
  // Stopped while starting: what was under way failed for that reason.
  if (stopping) await stopping
  await shutdown.run().catch(() => {})
  fail(error)
}
