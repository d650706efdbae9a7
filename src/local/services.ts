import type { Config } from '../config/config.ts'
import { describeRedis, parseRedisAddress, type RedisTarget } from '../config/redis-address.ts'
import type { Logger } from '../lib/log.ts'
import type { ShutdownStack } from '../lib/shutdown-stack.ts'

export interface Database {
  /** For migrations. */
  ownerUrl: string
  /** For serving. With an external database it is the owner's, and its sessions switch to the role. */
  appUrl: string
  /** The role for serving. Undefined: derived from the name of the database. */
  appRole: string | undefined
  /** The data folder of a private Postgres. */
  dataDir: string | undefined
}

/** Opens the configured database, or starts a private Postgres. */
export async function openDatabase(
  config: Config,
  log: Logger,
  releases: ShutdownStack,
): Promise<Database> {
  if (config.databaseUrl !== undefined) {
    const { databaseUrl: url, appRole } = config
    return { ownerUrl: url, appUrl: url, appRole, dataDir: undefined }
  }
  // Loaded only if needed, so that a server with its own database does not load this code.
  const { startPostgres } = await import('./postgres.ts')
  const postgres = await startPostgres({ dataDir: config.dataDir, log })
  releases.add(() => postgres.close())
  // Without its methods, because a parent sends the rest to its workers.
  const { ownerUrl, appUrl, appRole, dataDir } = postgres
  return { ownerUrl, appUrl, appRole, dataDir }
}

export interface RedisChoice {
  /** Undefined if there is no Redis. Then the bus inside of the process is used. */
  target: RedisTarget | undefined
  /** Shown to a person. */
  description: string
}

/** What one process has started for others. Undefined parts are configured, and each process finds them there. */
export interface PrivateServices {
  database?: Database | undefined
  redis?: RedisChoice | undefined
}

/** Uses the configured Redis, else a private one if the PATH has a program for it, else none. */
export async function chooseRedis(
  config: Config,
  dataDir: string,
  log: Logger,
  releases: ShutdownStack,
): Promise<RedisChoice> {
  if (config.redis !== undefined) {
    return { target: config.redis, description: describeRedis(config.redis) }
  }
  const { startRedis } = await import('./redis.ts')
  const redis = await startRedis({ dataDir, log })
  if (!redis) {
    return {
      target: undefined,
      description: 'none found, a stand-in inside this process (one process only, nothing shared)',
    }
  }
  releases.add(() => redis.close())
  return { target: parseRedisAddress(redis.url), description: `a private ${redis.description}` }
}
