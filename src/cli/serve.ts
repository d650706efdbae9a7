import cluster from 'node:cluster'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ownSecret } from '../auth/secret.ts'
import { type Config, parseConfig } from '../config/config.ts'
import { createLogger, type Logger } from '../lib/log.ts'
import { LOCAL_PAGES } from '../lib/origins.ts'
import { ShutdownStack } from '../lib/shutdown-stack.ts'
import { type LocalServer, urlOf, welcome } from '../local/demo.ts'
import { startFailure } from '../local/errors.ts'
import { ensurePort } from '../local/ports.ts'
import { openStorage } from '../local/storage.ts'
import { NoWorkerStarted } from '../workers/no-worker-started.ts'
import type { WorkerLink } from '../workers/worker-link.ts'

const shutdown = new ShutdownStack()
let stopping: Promise<void> | undefined

function stop(): void {
  // A second signal ends the process immediately. A private Postgres and Redis, and the workers, end with it. A worker
  // may hear of the same stop twice: by a signal to all processes, and from its parent.
  if (stopping && !cluster.isWorker) process.exit(1)
  stopping ??= shutdown
    .run()
    .catch(fail)
    .then(() => process.exit(0))
}

function fail(error: unknown): never {
  const known = error instanceof NoWorkerStarted ? error.message : startFailure(error)
  console.error(known ?? error)
  process.exit(1)
}

/** Loads the libraries while Postgres opens its sessions, one after the other, so that its answers are read between. */
async function loadServer(): Promise<void> {
  for (const load of [
    () => import('../realtime/outbox.ts'),
    () => import('../realtime/gateway.ts'),
    () => import('../routes/app.ts'),
  ]) {
    await load()
    await nextTurn()
  }
}

/** The server in this process. */
async function serve(config: Config, log: Logger) {
  await ensurePort(config.port, config.host)
  const opening = openStorage(config, log, shutdown)
  // Reported where it is awaited.
  opening.catch(() => {})
  await loadServer()
  const { startServer } = await import('../start.ts')
  return await startServer(config, log, shutdown, { opening })
}

/** One of several processes. */
async function work(worker: WorkerLink, config: Config, log: Logger): Promise<void> {
  const opening = openStorage(config, log, shutdown, await worker.services)
  opening.catch(() => {})
  await loadServer()
  const { startWorker } = await import('../start.ts')
  await startWorker(config, log, shutdown, { opening, worker })
  worker.ready()
}

/** The parent of several processes. */
async function supervise(config: Config, log: Logger) {
  const { startWorkers } = await import('../workers/parent.ts')
  const { reload, ...server } = await startWorkers(config, log, shutdown)
  process.on('SIGHUP', reload)
  const { dataDir } = server
  const generated = dataDir !== undefined && config.tokenKeys.kind === 'generated'
  const { tokenKeys: keys } = config
  const secret = keys.kind === 'secret' ? keys.secret : undefined
  return { ...server, secret: generated ? await ownSecret(dataDir) : secret }
}

/** Tells the person who started it. */
async function announce(
  server: LocalServer & { secret: string | undefined },
  config: Config,
  log: Logger,
): Promise<void> {
  const { address, dataDir, redis, secret } = server
  if (dataDir !== undefined && secret !== undefined && !config.production) {
    process.stdout.write(await welcome(server, secret, config))
  }
  if (config.corsOrigins.includes(LOCAL_PAGES)) {
    log.info('Pages of localhost and 127.0.0.1 may call, on any port; CORS_ORIGINS allows others')
  }
  log.info({ url: urlOf(address), redis, dataDir }, 'Livebalance is ready')
}

// Set before the start, so that a signal during the start ends everything started until then.
process.on('SIGINT', stop)
process.on('SIGTERM', stop)
try {
  const config = parseConfig()
  const log = createLogger(config)
  if (cluster.isWorker) {
    // Of the whole group, as when a terminal closes. The parent decides.
    process.on('SIGHUP', () => {})
    const { WorkerLink } = await import('../workers/worker-link.ts')
    const worker = new WorkerLink(stop)
    await work(worker, config, log.child({ worker: worker.id }))
  } else {
    const several = config.workers > 1
    await announce(await (several ? supervise(config, log) : serve(config, log)), config, log)
  }
} catch (error) {
  // After a signal during the start, steps under way fail. That is no failure to report.
  if (stopping) await stopping
  await shutdown.run().catch(() => {})
  fail(error)
}
