import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { EmbeddedError } from './errors.ts'

/** The system account that a process is started as. */
export interface Account {
  uid: number
  gid: number
}

/**
 * Chooses the account for Postgres, which refuses to run as root: the owner of the existing data, else
 * `postgres`, else `nobody`. Null if this process is not root, because then it can start Postgres itself.
 */
export function chooseAccount(existingData: string | null): Account | null {
  if (process.geteuid?.() !== 0) return null
  if (existingData !== null) {
    const owner = statSync(existingData, { throwIfNoEntry: false })
    if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  }
  const accounts = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = accounts.find((line) => line.startsWith(`${name}:`))?.split(':') ?? []
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new EmbeddedError(
    'Postgres does not run as root, and there is neither a `postgres` nor a `nobody` account: set DATABASE_URL, or start as another user.',
  )
}

/** Tells whether the account may enter this folder and every folder above it. */
export function canEnter(account: Account | null, folder: string): boolean {
  if (!account) return true
  for (let path = realpathSync(folder); ; path = dirname(path)) {
    if (!may(account, path, 0o1)) return false
    if (path === dirname(path)) return true
  }
}

/** Tells whether the mode of `path` grants the account all of `bits` (4 read, 2 write, 1 execute). */
export function may(account: Account, path: string, bits: number): boolean {
  const { uid, gid, mode } = statSync(path)
  const shift = uid === account.uid ? 6 : gid === account.gid ? 3 : 0
  return ((mode >> shift) & bits) === bits
}

/**
 * Returns the real path of the data folder, which need not exist yet. If the account cannot enter it (a 0700
 * home such as /root), this is a folder in /var/lib/livebalance, the same at every start.
 */
export function locateDataFolder(wanted: string, account: Account | null): string {
  const path = resolve(wanted)
  let existing = path
  while (!existsSync(existing)) existing = dirname(existing)
  const folder = join(realpathSync(existing), relative(existing, path))
  // An account that can enter the existing part can also enter folders created in it.
  if (canEnter(account, existing)) return folder
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 16)
  return join('/var/lib/livebalance', name)
}

/**
 * Creates the folder if it is missing, and returns its real path. Other accounts may pass through created
 * folders but not list them, independent of the umask.
 */
export function openDataFolder(wanted: string): string {
  const path = resolve(wanted)
  const missing: string[] = []
  for (let folder = path; !existsSync(folder); folder = dirname(folder)) missing.unshift(folder)
  for (const folder of missing) {
    make(folder)
    chmodSync(folder, 0o711)
  }
  return realpathSync(path)
}

/** Creates one folder. The recursive `mkdir` of Node 20 never ends in places like /proc. */
function make(folder: string): void {
  try {
    mkdirSync(folder)
  } catch (error) {
    // Another process created it at the same time.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
