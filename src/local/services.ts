import type { Config } from '../config/config.ts'
import type { Logger } from '../lib/log.ts'
import type { ShutdownStack } from '../lib/shutdown-stack.ts'

export interface Database {
  /** Runs migrations. */
  ownerUrl: string
  /** Serves. With an external database it is the owner's too, whose sessions then take on the role. */
  appUrl: string
  /** The role that serves; undefined: as the database's name has it. */
  appRole: string | undefined
  /** Of a private Postgres: where its data lies. */
  dataDir: string | undefined
}

/** The configured database, or a private Postgres. */
export async function openDatabase(
  config: Config,
  log: Logger,
  releases: ShutdownStack,
): Promise<Database> {
  if (config.databaseUrl !== undefined) {
    const { databaseUrl: url, appRole } = config
    return { ownerUrl: url, appUrl: url, appRole, dataDir: undefined }
  }
  // Whoever has both of their own loads no code for private ones.
  const { startPostgres } = await import('./postgres.ts')
  const postgres = await startPostgres({ dataDir: config.dataDir, log })
  releases.add(() => postgres.close())
  return postgres
}

export interface RedisChoice {
  /** Undefined: there is none, and the bus inside the process stands in for it. */
  url: string | undefined
  /** For a person. */
  description: string
}

/** The configured Redis, else a private one where the PATH has a program for it, else none. */
export async function chooseRedis(
  config: Config,
  dataDir: string,
  log: Logger,
  releases: ShutdownStack,
): Promise<RedisChoice> {
  if (config.redisUrl !== undefined) {
    return { url: config.redisUrl, description: new URL(config.redisUrl).host }
  }
  const { startRedis } = await import('./redis.ts')
  const redis = await startRedis({ dataDir, log })
  if (!redis) {
    return {
      url: undefined,
      description: 'none found, a stand-in inside this process (one process only, nothing shared)',
    }
  }
  releases.add(() => redis.close())
  return { url: redis.url, description: `a private ${redis.description}` }
}
