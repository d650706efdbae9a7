import { join } from 'node:path'
import { ownFile } from '../lib/own-file.ts'
import { isVapidPair, newVapidKeys, type VapidKeys } from '../lib/vapid.ts'

/**
 * The VAPID keys of an embedded server: created once and stored at `vapid.json` in the data folder, readable only by
 * its owner.
 * @throws Error when the file cannot be written or read, or holds no pair of keys
 */
export async function ownVapidKeys(dataDir: string): Promise<Omit<VapidKeys, 'subject'>> {
  const path = join(dataDir, 'vapid.json')
  const text = await ownFile(path, () => `${JSON.stringify(newVapidKeys())}\n`)
  try {
    const { publicKey, privateKey } = JSON.parse(text) as Record<string, unknown>
    if (typeof publicKey === 'string' && typeof privateKey === 'string') {
      if (isVapidPair(publicKey, privateKey)) return { publicKey, privateKey }
    }
  } catch {
    // Told below.
  }
  throw new Error(`${path} holds no pair of keys; delete it, and new ones are created`)
}
