import { FolderInUse } from '../embedded/error.ts'
import { runningPostgres, startPostgres } from '../embedded/postgres.ts'
import { connect } from '../ledger/database.ts'
import { isCurrent } from '../ledger/migrate.ts'
import { Releases } from '../releases.ts'
import { CommandFailed } from './command.ts'
import type { CommandConfig } from './config.ts'
import type { Terminal } from './terminal.ts'

export interface LedgerDatabase {
  ownerUrl: string
  appUrl: string
}

/**
 * Calls `work` with DATABASE_URL, else with the private Postgres of DATA_DIR: the one that a server runs
 * there now, or else it is started for as long as the work takes.
 */
export async function withDatabase<T>(
  config: Pick<CommandConfig, 'databaseUrl' | 'dataDir'>,
  terminal: Terminal,
  work: (database: LedgerDatabase) => Promise<T>,
): Promise<T> {
  const { databaseUrl, dataDir } = config
  if (databaseUrl !== undefined) return work({ ownerUrl: databaseUrl, appUrl: databaseUrl })
  const releases = new Releases()
  try {
    return await work(await privateDatabase(dataDir, terminal, releases))
  } finally {
    await releases.run()
  }
}

async function privateDatabase(
  dataDir: string,
  terminal: Terminal,
  releases: Releases,
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

/** @throws CommandFailed where the database's SQL is not that of this program */
export async function ensureCurrent(url: string): Promise<void> {
  const sql = connect(url, { max: 1, readOnly: true })
  try {
    if (await isCurrent(sql)) return
  } finally {
    await sql.end()
  }
  throw new CommandFailed(
    'not_migrated',
    'the database is not at the version of this program: run `livebalance migrate`, or use the program of that version',
  )
}
