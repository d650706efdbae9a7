import { type Config, ConfigError } from '../config/config.ts'
import type { Logger } from '../lib/log.ts'
import { ShutdownStack } from '../lib/shutdown-stack.ts'
import { ensurePort } from '../local/ports.ts'
import { chooseRedis, openDatabase, type PrivateServices } from '../local/services.ts'
import { openSessions } from '../postgres/sessions.ts'
import { Supervisor } from './supervisor.ts'

/**
 * Does once what every worker needs, and starts them: the port is free, a private Postgres and Redis run, and the
 * database is up to date.
 * @throws ConfigError if this runtime has no workers, or they would share no Redis
 */
export async function startWorkers(config: Config, log: Logger, releases: ShutdownStack) {
  if ('Deno' in globalThis || 'Bun' in globalThis) {
    throw new ConfigError(
      'WORKERS: only Node can share a port among processes: run several servers behind a balancer instead',
    )
  }
  await ensurePort(config.port, config.host)
  const database = await openDatabase(config, log, releases)
  await prepare({ ...config, ...database, log })
  const dataDir = database.dataDir ?? config.dataDir
  const redis = await chooseRedis(config, dataDir, log, releases)
  if (redis.target === undefined) {
    throw new ConfigError('WORKERS: several processes need a Redis: set REDIS_URL, or WORKERS=1')
  }
  const services: PrivateServices = {
    database: config.databaseUrl === undefined ? database : undefined,
    redis: config.redis === undefined ? redis : undefined,
  }
  const supervisor = new Supervisor({ ...config, count: config.workers, services, log })
  releases.add(() => supervisor.stop())
  return {
    address: await supervisor.start(),
    dataDir: database.dataDir,
    redis: redis.description,
    reload: () => supervisor.reload(),
  }
}

/** Migrates the database, and tells the operator about it. */
async function prepare(options: Parameters<typeof openSessions>[0]): Promise<void> {
  const sessions = new ShutdownStack()
  try {
    await openSessions(options, sessions)
  } finally {
    await sessions.run()
  }
}
