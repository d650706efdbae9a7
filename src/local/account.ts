import { readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { EmbeddedError } from './error.ts'

/** A system account to start a process as. */
export interface Account {
  uid: number
  gid: number
}

/**
 * Postgres refuses to run as root, so root starts it as the owner of the data that is there, else as
 * `postgres`, else as `nobody`. `null`: we are not root and run it ourselves.
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

/** Whether the account may enter this folder, every folder above it included. */
export function canEnter(account: Account | null, folder: string): boolean {
  if (!account) return true
  for (let path = realpathSync(folder); ; path = dirname(path)) {
    if (!may(account, path, 0o1)) return false
    if (path === dirname(path)) return true
  }
}

/** Whether the account's class of `path`'s mode has all of `bits` (4 read, 2 write, 1 execute). */
export function may(account: Account, path: string, bits: number): boolean {
  const { uid, gid, mode } = statSync(path)
  const shift = uid === account.uid ? 6 : gid === account.gid ? 3 : 0
  return ((mode >> shift) & bits) === bits
}
