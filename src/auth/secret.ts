import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * The embedded server's own token secret: made once, kept at `jwt-secret` in the data folder, readable by
 * its owner alone. Two servers that start at once get the same one.
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
    // A link either makes the whole file or fails, so no one ever reads half a secret.
    await link(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await unlink(draft)
  }
  return checked(await readFile(path, 'utf8'), path)
}

/**
 * The one that was made there before; undefined where none was.
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
    throw new Error(`${path} holds fewer than 32 bytes; delete it to have a new secret made`)
  }
  return secret
}
