import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Binaries, plainEnvironment } from './binaries.ts'
import type { Account } from './data-folder.ts'
import { EmbeddedError } from './errors.ts'

export const OWNER = 'livebalance_owner'
export const APP = 'livebalance_app'

/** The passwords of the two roles. */
export interface Credentials {
  owner: string
  app: string
}

/**
 * Returns the passwords of the cluster in `<dataFolder>/postgres`, and creates the cluster if there is none.
 * It is created under another name and renamed when complete, so that a kill never leaves half a cluster.
 */
export async function ensureCluster(
  dataFolder: string,
  binaries: Binaries,
  account: Account | null,
): Promise<Credentials> {
  const home = join(dataFolder, 'postgres')
  await removeHalfMade(dataFolder)
  if (!existsSync(home)) {
    const half = mkdtempSync(`${home}.new`)
    await create(half, binaries, account)
    renameSync(half, home)
  }
  const major = readFileSync(join(home, 'data', 'PG_VERSION'), 'utf8').trim()
  if (major !== binaries.major) {
    throw new EmbeddedError(
      `${home} holds data of Postgres ${major}, and this is Postgres ${binaries.major}: set DATA_DIR to another folder, or set DATABASE_URL.`,
    )
  }
  return readCredentials(home)
}

/** @param home `<data folder>/postgres` */
export function readCredentials(home: string): Credentials {
  return JSON.parse(readFileSync(join(home, 'credentials.json'), 'utf8'))
}

async function removeHalfMade(dataFolder: string): Promise<void> {
  for (const name of readdirSync(dataFolder)) {
    if (!name.startsWith('postgres.new')) continue
    try {
      // An initdb of a killed server may still write there until its files are gone.
      await rm(join(dataFolder, name), { recursive: true, force: true, maxRetries: 5 })
    } catch {
      // It does no harm, and the next start tries again.
    }
  }
}

async function create(home: string, binaries: Binaries, account: Account | null): Promise<void> {
  const credentials: Credentials = { owner: password(), app: password() }
  const passwordFile = join(home, 'password')
  writeFileSync(passwordFile, credentials.owner, { mode: 0o600 })
  writeFileSync(join(home, 'credentials.json'), JSON.stringify(credentials), { mode: 0o600 })
  if (account) {
    chownSync(home, account.uid, account.gid)
    chownSync(passwordFile, account.uid, account.gid)
  }
  const settings = [
    `--pgdata=${join(home, 'data')}`,
    `--username=${OWNER}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    ...(Number(binaries.major) >= 17
      ? ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
      : ['--locale=C.UTF-8']),
    '--no-instructions',
  ]
  await run(binaries.initdb, settings, home, account)
  rmSync(passwordFile)
}

async function run(
  command: string,
  args: string[],
  cwd: string,
  account: Account | null,
): Promise<void> {
  const child = spawn(command, args, {
    cwd,
    env: plainEnvironment,
    stdio: ['ignore', 'ignore', 'pipe'],
    windowsHide: true,
    ...account,
  })
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const [code] = await once(child, 'close').catch((error: Error) => {
    output = error.message
    return [null]
  })
  if (code === 0) return
  const reason = output.trim().split('\n')[0] ?? ''
  throw new EmbeddedError(
    `The private Postgres could not be created (${reason}): set DATABASE_URL to use another one.`,
  )
}

function password(): string {
  return randomBytes(24).toString('hex')
}
