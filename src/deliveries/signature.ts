import { createHash, createHmac, randomBytes } from 'node:crypto'

const PREFIX = 'whsec_'

/** 256 bits, in the form of the Standard Webhooks specification. */
export function newSecret(): string {
  return PREFIX + randomBytes(32).toString('base64')
}

/**
 * The headers of a delivery by the Standard Webhooks specification, signed with each secret: during a rotation the
 * receiver may know either.
 * @param timestamp seconds
 */
export function signedHeaders(
  id: string,
  body: string,
  secrets: readonly string[],
  timestamp = Math.floor(Date.now() / 1000),
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), 'base64')
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
  })
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatures.join(' '),
  }
}

/** The same for the same parts, so that a receiver knows a repeated delivery. */
export function messageId(...parts: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
  return `msg_${hash.slice(0, 27)}`
}
