import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * A file that a server creates once and keeps, readable only by its owner. Of several processes that start at the same
 * time one creates it, and all get the same text.
 * @throws Error when the file cannot be written or read
 */
export async function ownFile(path: string, create: () => string): Promise<string> {
  const kept = await keptFile(path)
  if (kept !== undefined) return kept
  await mkdir(dirname(path), { recursive: true })
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  await writeFile(draft, create(), { mode: 0o600 })
  try {
    // A link either creates the whole file or fails, so nobody can read half of it.
    await link(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await unlink(draft)
  }
  return readFile(path, 'utf8')
}

/** Its text; undefined if it was not created before. */
export async function keptFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
