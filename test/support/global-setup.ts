import { rmSync } from 'node:fs'
import pino from 'pino'
import postgresClient from 'postgres'
import type { TestProject } from 'vitest/node'
import { startPostgres } from '../../src/local/postgres.ts'
import { startRedis } from '../../src/local/redis.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { installedPostgres } from './postgres/binaries.ts'
import { TEMPLATE } from './provided.ts'
import { openRunFolder } from './run-folder.ts'

/** A test run need not survive a power cut. */
const FAST = { fsync: 'off', full_page_writes: 'off', max_connections: '300' }

/**
 * Copies the migrated database to the one that test databases are cloned from. Nothing can connect to it: Postgres clones
 * no database that has a session.
 */
async function keepTemplate(ownerUrl: string): Promise<void> {
  const url = new URL(ownerUrl)
  const source = url.pathname.slice(1)
  url.pathname = '/postgres'
  const sql = postgresClient(url.href, { max: 1, onnotice: () => {} })
  try {
    await sql.unsafe(`create database ${TEMPLATE} template ${source}`)
    await sql.unsafe(`alter database ${TEMPLATE} with allow_connections false`)
  } finally {
    await sql.end()
  }
}

/** One Postgres and, where available, one Redis for the whole run. Returns the teardown. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const log = pino({ level: 'silent' })
  const folder = openRunFolder()
  const releases: (() => Promise<void>)[] = [folder.remove]
  const teardown = async () => {
    for (const release of releases.reverse()) await release()
  }
  try {
    const redis = await startRedis({ dataDir: folder.path, log })
    if (redis) releases.push(redis.close)
    const postgres = await startPostgres({
      ...{ dataDir: folder.path, log, settings: FAST },
      binaries: installedPostgres(),
    })
    releases.push(async () => {
      await postgres.close()
      if (postgres.dataDir !== folder.path) rmSync(postgres.dataDir, { recursive: true })
    })
    await migrate(postgres.ownerUrl, { appRole: postgres.appRole })
    await keepTemplate(postgres.ownerUrl)
    project.provide('serverUrls', { owner: postgres.ownerUrl, app: postgres.appUrl })
    project.provide('redisUrl', process.env.REDIS_URL || (redis?.url ?? null))
    project.provide('hasRedisServer', redis !== null)
    project.provide('runFolder', folder.path)
    return teardown
  } catch (error) {
    await teardown()
    throw error
  }
}
