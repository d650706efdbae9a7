import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { PACKAGE_ROOT } from '../lib/package-root.ts'

const SQL = join(PACKAGE_ROOT, 'sql')

/** A file of `sql/`, as the table `schema_files` records it. */
export interface Recorded {
  name: string
  checksum: string
}

export interface SourceFile extends Recorded {
  text: string
}

// Each is read once in a process.
let migrations: SourceFile[] | undefined
let replaced: Record<'views' | 'functions' | 'roles', SourceFile[]> | undefined

export const readMigrations = (): readonly SourceFile[] => {
  migrations ??= readFolder('migrations/')
  return migrations
}

/** Folders whose files are all applied again when one of them has changed, in this order. */
export function readReplaced(): Readonly<NonNullable<typeof replaced>> {
  replaced ??= {
    views: readFolder('views/'),
    functions: readFolder('functions/'),
    roles: [readSource('roles.sql')],
  }
  return replaced
}

/** What `schema_files` records of a database that is up to date with this program. */
export interface Checksums {
  migrations: readonly Recorded[]
  /** The views, functions and roles. */
  replaced: readonly Recorded[]
}

/** In the built package: the checksums, because reading and hashing 150 small files takes a part of each start. */
export const CHECKSUMS_FILE = 'checksums.json'

let checksums: Checksums | undefined

export function readChecksums(): Checksums {
  const built = join(SQL, CHECKSUMS_FILE)
  checksums ??= existsSync(built) ? JSON.parse(readFileSync(built, 'utf8')) : computeChecksums()
  return checksums as Checksums
}

export function computeChecksums(): Checksums {
  const recorded = ({ name, checksum }: Recorded): Recorded => ({ name, checksum })
  return {
    migrations: readMigrations().map(recorded),
    replaced: Object.values(readReplaced()).flat().map(recorded),
  }
}

/** Name of the row whose checksum is the revision that was applied last. */
export const REVISION = 'revision'

/** Checksums do not say which of two texts is newer. The number in `sql/revision.json` does. */
export function readRevision(): Recorded {
  const { revision } = JSON.parse(readFileSync(join(SQL, 'revision.json'), 'utf8'))
  return { name: REVISION, checksum: String(revision) }
}

// Synchronous, because a start waits for all files and each would take a turn of the thread pool.
function readFolder(folder: string): SourceFile[] {
  const paths = readdirSync(join(SQL, folder), { recursive: true, encoding: 'utf8' })
  return paths
    .filter((path) => path.endsWith('.sql'))
    .map((path) => readSource(folder + path, folder + basename(path)))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** @param name the name in the database, which a function keeps when its file moves to another folder */
function readSource(path: string, name = path): SourceFile {
  const text = readFileSync(join(SQL, path), 'utf8')
  return { name, text, checksum: createHash('sha256').update(text).digest('hex') }
}
