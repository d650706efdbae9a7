/** The values that the global setup provides to every test file, by `inject`. */
declare module 'vitest' {
  interface ProvidedContext {
    /** Of a migrated database on the Postgres of the run, which no test changes. */
    serverUrls: { owner: string; app: string }
    /** `null` where there is no real Redis. */
    redisUrl: string | null
    /** Whether a private Redis can be started: `REDIS_URL` alone does not allow that. */
    hasRedisServer: boolean
    /** A folder of this run, removed at its end. */
    runFolder: string
  }
  interface TaskMeta {
    skipReason?: string
  }
}

/** The database that test databases are cloned from. */
export const TEMPLATE = 'test_template'

export const NO_REDIS =
  'needs a real Redis: set REDIS_URL, or put redis-server or valkey-server on the PATH'
export const NO_VALKEY = 'needs valkey-server on the PATH'
export const NO_REDIS_SERVER = 'needs redis-server or valkey-server on the PATH'
