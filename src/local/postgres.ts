import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Logger } from 'pino'
import postgres from 'postgres'
import { SQLSTATE } from '../postgres/errors.ts'
import { type Binaries, prepareBinaries } from './binaries.ts'
import { APP, type Credentials, ensureCluster, OWNER, readCredentials } from './cluster.ts'
import { chooseAccount, locateDataFolder, openDataFolder } from './data-folder.ts'
import { aboutFolder } from './errors.ts'
import { identifyProcess, lockFolder } from './folder-lock.ts'
import { readPidFile, startPostmaster, stopOrphan } from './postmaster.ts'

const DATABASE = 'livebalance'

export interface EmbeddedPostgres {
  /** Logs in as the superuser that owns the database. For migrations. */
  ownerUrl: string
  /** Logs in as the role of the app, which has only the privileges that migrations grant. */
  appUrl: string
  /** The name of that role. */
  appRole: string
  /** The folder of the data. Differs from the wanted one if root cannot use that. */
  dataDir: string
  pid: number
  close(): Promise<void>
}

export interface EmbeddedPostgresOptions {
  /** Created if it is missing. */
  dataDir: string
  log: Pick<Logger, 'info' | 'error'>
  /** More Postgres settings, by name. Default: none. */
  settings?: Record<string, string>
  /** The programs. Default: those of the npm package. */
  binaries?: Binaries | undefined
}

/**
 * Starts a private Postgres from the npm binaries, on a free loopback port, with its data in `dataDir`.
 *
 * @throws FolderInUse while another server uses the folder
 * @throws EmbeddedError if it does not start
 */
export async function startPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    return await start(options)
  } catch (error) {
    throw aboutFolder(error, options.dataDir)
  }
}

async function start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { log } = options
  const dataDir = openDataFolder(dataFolderOf(options.dataDir))
  const home = join(dataDir, 'postgres')
  const account = chooseAccount(home)
  const unlock = lockFolder(join(dataDir, 'postgres.lock'))
  try {
    const binaries = options.binaries ?? prepareBinaries(dataDir, account)
    const credentials = await ensureCluster(dataDir, binaries, account)
    if (await stopOrphan({ home, binaries, account })) {
      log.info('Stopped the Postgres that an earlier, killed server had left running')
    }
    const settings = { ...SETTINGS, ...options.settings }
    const postmaster = await startPostmaster({ home, binaries, account, settings })
    let closing = false
    postmaster.ended.then(() => {
      if (!closing) log.error(`The private Postgres ended by itself: see ${join(home, 'log')}`)
    })
    const close = async () => {
      closing = true
      await postmaster.stop()
      unlock()
    }
    const url = (user: string, password: string, database: string) =>
      urlOf(postmaster.port, user, password, database)
    try {
      await ensureDatabase((database) => url(OWNER, credentials.owner, database), credentials)
    } catch (error) {
      await close()
      throw error
    }
    return {
      ownerUrl: url(OWNER, credentials.owner, DATABASE),
      appUrl: url(APP, credentials.app, DATABASE),
      appRole: APP,
      dataDir,
      pid: postmaster.pid,
      close,
    }
  } catch (error) {
    unlock()
    throw error
  }
}

/** Finds the private Postgres that another process runs on this data folder. Undefined if none accepts connections. */
export function runningPostgres(
  wanted: string,
): Pick<EmbeddedPostgres, 'ownerUrl' | 'appUrl' | 'appRole' | 'dataDir'> | undefined {
  const dataDir = dataFolderOf(wanted)
  const home = join(dataDir, 'postgres')
  const file = readPidFile(join(home, 'data'))
  if (!file?.ready || !identifyProcess(file.pid)) return undefined
  const { owner, app } = readCredentials(home)
  return {
    ownerUrl: urlOf(file.port, OWNER, owner, DATABASE),
    appUrl: urlOf(file.port, APP, app, DATABASE),
    appRole: APP,
    dataDir,
  }
}

/** Tells whether a private Postgres was ever started on this data folder. */
export function hasPostgres(dataFolder: string): boolean {
  return existsSync(join(dataFolder, 'postgres'))
}

/** Returns the real path of the data folder, or that of another one if root's Postgres cannot use it. Creates nothing. */
export function dataFolderOf(wanted: string): string {
  return locateDataFolder(wanted, chooseAccount(join(resolve(wanted), 'postgres')))
}

function urlOf(port: number, user: string, password: string, database: string): string {
  return `postgres://${user}:${password}@127.0.0.1:${port}/${database}`
}

const SETTINGS = {
  shared_buffers: '128MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Reports of every checkpoint would fill the log of an idle server.
  log_checkpoints: 'off',
}

/** Creates the role of the app and the database, if they do not exist yet. */
async function ensureDatabase(
  ownerUrl: (database: string) => string,
  { app }: Credentials,
): Promise<void> {
  if (await exists(ownerUrl(DATABASE))) return
  const sql = postgres(ownerUrl('postgres'), { max: 1, onnotice: () => {} })
  try {
    const [role] = await sql`select from pg_roles where rolname = ${APP}`
    if (!role) await sql.unsafe(`create role ${APP} login password '${app}'`)
    await sql.unsafe(`create database ${DATABASE}`)
  } finally {
    await sql.end()
  }
}

async function exists(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1 })
  try {
    await sql`select 1`
    return true
  } catch (error) {
    if ((error as { code?: string }).code === SQLSTATE.UNDEFINED_DATABASE) return false
    throw error
  } finally {
    await sql.end()
  }
}
