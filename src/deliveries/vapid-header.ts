import { importJWK, SignJWT } from 'jose'
import type { VapidKeys } from '../lib/vapid.ts'

/** Push services accept at most a day. */
const LIFETIME_MS = 12 * 3_600_000

/** A header is used again for so long. */
const REUSE_MS = 3_600_000

/** Users choose the origins, so their number is bounded. */
const MAX_ORIGINS = 1000

/** The `Authorization` header by which a push service knows who sends (RFC 8292). Signed once an hour for each origin. */
export class VapidHeader {
  readonly #keys: VapidKeys
  readonly #signed = new Map<string, { header: Promise<string>; until: number }>()

  constructor(keys: VapidKeys) {
    this.#keys = keys
  }

  for(origin: string): Promise<string> {
    const now = Date.now()
    const known = this.#signed.get(origin)
    if (known && known.until > now) return known.header
    if (this.#signed.size >= MAX_ORIGINS) this.#signed.clear()
    const header = this.#sign(origin, now)
    this.#signed.set(origin, { header, until: now + REUSE_MS })
    return header
  }

  async #sign(origin: string, now: number): Promise<string> {
    const { publicKey, privateKey, subject } = this.#keys
    const point = Buffer.from(publicKey, 'base64url')
    const key = await importJWK(
      {
        ...{ kty: 'EC', crv: 'P-256', d: privateKey },
        x: point.subarray(1, 33).toString('base64url'),
        y: point.subarray(33).toString('base64url'),
      },
      'ES256',
    )
    const token = await new SignJWT({ sub: subject })
      .setProtectedHeader({ typ: 'JWT', alg: 'ES256' })
      .setAudience(origin)
      .setExpirationTime(Math.floor((now + LIFETIME_MS) / 1000))
      .sign(key)
    return `vapid t=${token}, k=${publicKey}`
  }
}
