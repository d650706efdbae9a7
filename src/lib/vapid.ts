import { createECDH } from 'node:crypto'

/** What tells push services who sends (RFC 8292). The keys are of the curve P-256, in base64url. */
export interface VapidKeys {
  publicKey: string
  privateKey: string
  /** Where a push service can reach the operator: `mailto:…` or `https://…`. */
  subject: string
}

const CURVE = 'prime256v1'

export function newVapidKeys(): Pick<VapidKeys, 'publicKey' | 'privateKey'> {
  const pair = createECDH(CURVE)
  const publicKey = pair.generateKeys().toString('base64url')
  // Without leading zeros by itself.
  const privateKey = pair.getPrivateKey().toString('hex').padStart(64, '0')
  return { publicKey, privateKey: Buffer.from(privateKey, 'hex').toString('base64url') }
}

/** Whether the two keys are one pair. */
export function isVapidPair(publicKey: string, privateKey: string): boolean {
  const bytes = Buffer.from(privateKey, 'base64url')
  if (bytes.length !== 32) return false
  try {
    const pair = createECDH(CURVE)
    pair.setPrivateKey(bytes)
    return pair.getPublicKey().equals(Buffer.from(publicKey, 'base64url'))
  } catch {
    return false
  }
}
