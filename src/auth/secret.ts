import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * The token secret of an embedded server: created once and stored at `jwt-secret` in the data folder, readable
 * only by its owner. Two servers that start at the same time get the same one.
 * @throws Error when the file cannot be written or read, or holds fewer than 32 bytes
 */
export async function ownSecret(dataDir: string): Promise<string> {
  const kept = await keptSecret(dataDir)
  if (kept !== undefined) return kept
  const path = pathIn(dataDir)
  await mkdir(dataDir, { recursive: true })
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  await writeFile(draft, randomBytes(32).toString('base64url'), { mode: 0o600 })
  try {
    // A link either creates the whole file or fails, so nobody can read half a secret.
    await link(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await unlink(draft)
  }
  return checked(await readFile(path, 'utf8'), path)
}

/**
 * The secret that was created there before; undefined if there is none.
 * @throws Error when the file cannot be read, or holds fewer than 32 bytes
 */
export async function keptSecret(dataDir: string): Promise<string | undefined> {
  const path = pathIn(dataDir)
  try {
    return checked(await readFile(path, 'utf8'), path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const pathIn = (dataDir: string) => join(dataDir, 'jwt-secret')

function checked(text: string, path: string): string {
  const secret = text.trim()
  if (Buffer.byteLength(secret) < 32) {
    throw new Error(`${path} holds fewer than 32 bytes; delete it, and a new secret is created`)
  }
  return secret
}
