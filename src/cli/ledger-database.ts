import { resolve } from 'node:path'
import { ShutdownStack } from '../lib/shutdown-stack.ts'
import { FolderInUse } from '../local/errors.ts'
import { dataFolderOf, hasPostgres, runningPostgres, startPostgres } from '../local/postgres.ts'
import { connect } from '../postgres/database.ts'
import { standing } from '../postgres/migrate.ts'
import { CommandFailed } from './command.ts'
import type { CommandConfig } from './config.ts'
import type { Terminal } from './terminal.ts'

export interface LedgerDatabase {
  ownerUrl: string
  appUrl: string
  /** The role that servers work as; undefined: as the database's name has it. */
  appRole: string | undefined
}

/**
 * Calls `work` with DATABASE_URL, else with the private Postgres of DATA_DIR: the one that a server runs
 * there now, or else it is started for as long as the work takes.
 * @param options.newDatabase whether a data folder without a database gets one
 * @throws CommandFailed where there is no database to work on
 */
export async function withDatabase<T>(
  config: Pick<CommandConfig, 'databaseUrl' | 'dataDir' | 'appRole'>,
  terminal: Terminal,
  work: (database: LedgerDatabase) => Promise<T>,
  { newDatabase = false } = {},
): Promise<T> {
  const { databaseUrl: url, dataDir, appRole } = config
  if (url !== undefined) return work({ ownerUrl: url, appUrl: url, appRole })
  if (!newDatabase) ensureDatabase(dataDir)
  const releases = new ShutdownStack()
  try {
    return await work(await privateDatabase(dataDir, terminal, releases))
  } finally {
    await releases.run()
  }
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
): Promise<LedgerDatabase> {
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

/** @throws CommandFailed where the database's SQL is neither that of this program nor one that a server of it takes */
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
