import { createCipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto'

/** What a message is encrypted for: the keys of a subscription, in base64url. */
export interface SubscriptionKeys {
  p256dh: string
  auth: string
}

/** Of one message, and never of another. */
interface Ephemeral {
  salt: Buffer
  privateKey: Buffer
}

const RECORD_SIZE = 4096

/** What follows the last byte of the last record (RFC 8188, 2). */
const LAST_RECORD = Buffer.of(2)

/**
 * Encrypts a message for a browser by RFC 8291, as a body of the encoding `aes128gcm`. Its length tells the length of the
 * message, so that is padded to a multiple of 128 bytes.
 * @param ephemeral only for a test. Default: new ones
 * @throws Error if the keys are not those of a subscription, or the message is longer than about 3900 bytes
 */
export function encryptMessage(
  message: string,
  { p256dh, auth }: SubscriptionKeys,
  { salt, privateKey }: Partial<Ephemeral> = {},
  padTo = 128,
): Buffer {
  const receiver = Buffer.from(p256dh, 'base64url')
  const pair = createECDH('prime256v1')
  if (privateKey) pair.setPrivateKey(privateKey)
  else pair.generateKeys()
  const sender = pair.getPublicKey()
  const shared = pair.computeSecret(receiver)
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), receiver, sender])
  const salted = Buffer.from(auth, 'base64url')
  const secret = Buffer.from(hkdfSync('sha256', shared, salted, info, 32))
  const used = salt ?? randomBytes(16)
  const derive = (name: string, length: number) =>
    Buffer.from(hkdfSync('sha256', secret, used, `Content-Encoding: ${name}\0`, length))
  const text = Buffer.from(message)
  const padding = Buffer.alloc((padTo - ((text.length + 1) % padTo)) % padTo)
  const plain = Buffer.concat([text, LAST_RECORD, padding])
  if (plain.length > RECORD_SIZE - 17) throw new RangeError('the message is too long')
  const cipher = createCipheriv('aes-128-gcm', derive('aes128gcm', 16), derive('nonce', 12))
  const sealed = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  const head = Buffer.alloc(5)
  head.writeUInt32BE(RECORD_SIZE)
  head.writeUInt8(sender.length, 4)
  return Buffer.concat([used, head, sender, sealed])
}
