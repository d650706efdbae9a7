import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { PACKAGE_ROOT } from '../lib/package-root.ts'

const SQL = join(PACKAGE_ROOT, 'sql')

/** What `schema_files` knows of a file of `sql/`. */
export interface Recorded {
  name: string
  checksum: string
}

export interface SourceFile extends Recorded {
  text: string
}

export const readMigrations = (): SourceFile[] => readFolder('migrations/')

/** What is made anew whenever any of it has changed, in the order in which it is. */
export function readReplaced(): Record<'views' | 'functions' | 'roles', SourceFile[]> {
  return {
    views: readFolder('views/'),
    functions: readFolder('functions/'),
    roles: [readSource('roles.sql')],
  }
}

/** Name of the row that has the number of what was made last, in place of a checksum. */
export const REVISION = 'revision'

/** Of two texts of a function no checksum says which one is newer: this number, of `sql/revision.json`, does. */
export function readRevision(): Recorded {
  const { revision } = JSON.parse(readFileSync(join(SQL, 'revision.json'), 'utf8'))
  return { name: REVISION, checksum: String(revision) }
}

// At once, not each a round through the thread pool: a start waits for all of them.
function readFolder(folder: string): SourceFile[] {
  const paths = readdirSync(join(SQL, folder), { recursive: true, encoding: 'utf8' })
  return paths
    .filter((path) => path.endsWith('.sql'))
    .map((path) => readSource(folder + path, folder + basename(path)))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** @param name what the database calls it: a function keeps its name when its file moves to another folder */
function readSource(path: string, name = path): SourceFile {
  const text = readFileSync(join(SQL, path), 'utf8')
  return { name, text, checksum: createHash('sha256').update(text).digest('hex') }
}
