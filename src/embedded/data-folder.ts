import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Account, canEnter } from './account.ts'

/**
 * Creates the data folder and returns its real path. Where the account cannot get to it (a 0700 home,
 * such as /root), that is a folder of /var/lib/livebalance which is the same one at every start.
 */
export function openDataFolder(wanted: string, account: Account | null): string {
  const folder = createFolder(resolve(wanted))
  if (canEnter(account, folder)) return folder
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 16)
  return createFolder(join('/var/lib/livebalance', name))
}

/** Others may pass through the folders created here, but not list them, whatever the umask. */
function createFolder(path: string): string {
  const missing: string[] = []
  for (let folder = path; !existsSync(folder); folder = dirname(folder)) missing.unshift(folder)
  for (const folder of missing) {
    mkdirSync(folder, { recursive: true })
    chmodSync(folder, 0o711)
  }
  return realpathSync(path)
}
