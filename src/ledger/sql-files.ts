import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../package-root.ts'

const SQL = join(PACKAGE_ROOT, 'sql')

/** A file of `sql/`, under the name that `schema_files` knows it by. */
export interface SourceFile {
  name: string
  text: string
  checksum: string
}

export function readAll(): SourceFile[] {
  return [...['migrations/', 'views/', 'functions/'].flatMap(readFolder), readSource('roles.sql')]
}

// At once, not each a round through the thread pool: a start waits for all of them.
export function readFolder(folder: string): SourceFile[] {
  const names = readdirSync(join(SQL, folder)).filter((name) => name.endsWith('.sql'))
  return names.sort().map((name) => readSource(folder + name))
}

export function readSource(name: string): SourceFile {
  const text = readFileSync(join(SQL, name), 'utf8')
  return { name, text, checksum: createHash('sha256').update(text).digest('hex') }
}
