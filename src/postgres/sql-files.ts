import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
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

export const readMigrations = (): SourceFile[] => readFolder('migrations/')

/** Folders whose files are all applied again when one of them has changed, in this order. */
export function readReplaced(): Record<'views' | 'functions' | 'roles', SourceFile[]> {
  return {
    views: readFolder('views/'),
    functions: readFolder('functions/'),
    roles: [readSource('roles.sql')],
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
