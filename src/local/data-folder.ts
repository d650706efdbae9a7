import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, realpathSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { type Account, canEnter } from './account.ts'

/**
 * The real path of the data folder, which need not exist yet. Where the account cannot get to it (a 0700
 * home, such as /root), that is a folder of /var/lib/livebalance which is the same one at every start.
 */
export function locateDataFolder(wanted: string, account: Account | null): string {
  const path = resolve(wanted)
  let existing = path
  while (!existsSync(existing)) existing = dirname(existing)
  const folder = join(realpathSync(existing), relative(existing, path))
  // Whoever gets to what exists gets to what is created in it.
  if (canEnter(account, existing)) return folder
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 16)
  return join('/var/lib/livebalance', name)
}

/**
 * Creates the folder where it is missing and returns its real path. Others may pass through what is
 * created here, but not list it, whatever the umask.
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

/** One by one: where nothing can be made, such as in /proc, Node 20's recursive way never ends. */
function make(folder: string): void {
  try {
    mkdirSync(folder)
  } catch (error) {
    // Somebody was quicker.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
