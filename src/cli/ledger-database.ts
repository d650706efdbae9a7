import { resolve } from 'node:path'
import { MAIN_DATABASE } from '../config/tenant-databases.ts'
import { ShutdownStack } from '../lib/shutdown-stack.ts'
import { FolderInUse } from '../local/errors.ts'
import { dataFolderOf, hasPostgres, runningPostgres, startPostgres } from '../local/postgres.ts'
import { connect } from '../postgres/database.ts'
import { standing } from '../postgres/migrate.ts'
import type { CommandConfig } from './command.ts'
import { CommandFailed } from './command.ts'
import type { Terminal } from './terminal.ts'

export interface LedgerDatabase {
  /** As in logs and metrics. */
  name: string
  ownerUrl: string
  appUrl: string
  /** The role that servers use. Undefined: derived from the name of the database. */
  appRole: string | undefined
}

/**
 * Calls `work` with the database of DATABASE_URL, else with the private Postgres of DATA_DIR. If no server runs
 * that Postgres now, it is started for the time of the work.
 *
 * @param options.newDatabase whether to create a database if the data folder has none
 * @throws CommandFailed if there is no database
 */
export async function withDatabase<T>(
  config: Pick<CommandConfig, 'databaseUrl' | 'dataDir' | 'appRole'>,
  terminal: Terminal,
  work: (database: LedgerDatabase) => Promise<T>,
  { newDatabase = false } = {},
): Promise<T> {
  const { databaseUrl: url, dataDir, appRole } = config
  if (url !== undefined) return work({ name: MAIN_DATABASE, ownerUrl: url, appUrl: url, appRole })
  if (!newDatabase) ensureDatabase(dataDir)
  const releases = new ShutdownStack()
  try {
    const database = await privateDatabase(dataDir, terminal, releases)
    return await work({ name: MAIN_DATABASE, ...database })
  } finally {
    await releases.run()
  }
}

/**
 * The same with each database, one after the other: the main one, then those of TENANT_DATABASES.
 * @returns what `work` returned, in this order
 */
export async function withDatabases<T>(
  config: Pick<CommandConfig, 'databaseUrl' | 'tenantDatabases' | 'dataDir' | 'appRole'>,
  terminal: Terminal,
  work: (database: LedgerDatabase) => Promise<T>,
  options?: { newDatabase?: boolean },
): Promise<T[]> {
  const done = [await withDatabase(config, terminal, work, options)]
  for (const { name, url } of config.tenantDatabases) {
    done.push(await work({ name, ownerUrl: url, appUrl: url, appRole: config.appRole }))
  }
  return done
}

function ensureDatabase(dataDir: string): void {
  if (hasPostgres(dataFolderOf(dataDir))) return
  throw new CommandFailed(
    'no_database',
    `the data folder ${resolve(dataDir)} holds no database: run this where the server runs, or set DATA_DIR or DATABASE_URL`,
  )
}

async function privateDatabase(
  dataDir: string,
  terminal: Terminal,
  releases: ShutdownStack,
): Promise<Omit<LedgerDatabase, 'name'>> {
  const log = { info: () => {}, error: (text: unknown) => terminal.note(String(text)) }
  try {
    const postgres = await startPostgres({ dataDir, log })
    releases.add(() => postgres.close())
    return postgres
  } catch (error) {
    const running = error instanceof FolderInUse ? runningPostgres(dataDir) : undefined
    if (!running) throw error
    return running
  }
}

/** @throws CommandFailed if servers of this version could not use the schema of the database */
export async function ensureCurrent(url: string): Promise<void> {
  const sql = connect(url, { max: 1, readOnly: true })
  try {
    if ((await standing(sql)) !== 'behind') return
  } finally {
    await sql.end()
  }
  throw new CommandFailed(
    'not_migrated',
    'the database is not at the version of this program: run `livebalance migrate`, or use the program of that version',
  )
}
