import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { keptFile, ownFile } from '../lib/own-file.ts'

/**
 * The token secret of an embedded server: created once and stored at `jwt-secret` in the data folder, readable
 * only by its owner. Two servers that start at the same time get the same one.
 * @throws Error when the file cannot be written or read, or holds fewer than 32 bytes
 */
export async function ownSecret(dataDir: string): Promise<string> {
  const path = pathIn(dataDir)
  return checked(await ownFile(path, () => randomBytes(32).toString('base64url')), path)
}

/**
 * The secret that was created there before; undefined if there is none.
 * @throws Error when the file cannot be read, or holds fewer than 32 bytes
 */
export async function keptSecret(dataDir: string): Promise<string | undefined> {
  const path = pathIn(dataDir)
  const kept = await keptFile(path)
  return kept === undefined ? undefined : checked(kept, path)
}

const pathIn = (dataDir: string) => join(dataDir, 'jwt-secret')

function checked(text: string, path: string): string {
  const secret = text.trim()
  if (Buffer.byteLength(secret) < 32) {
    throw new Error(`${path} holds fewer than 32 bytes; delete it, and a new secret is created`)
  }
  return secret
}
