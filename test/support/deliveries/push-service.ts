import {
  createDecipheriv,
  createECDH,
  createPublicKey,
  hkdfSync,
  randomBytes,
  verify,
} from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import type { PushMessage } from '../../../src/deliveries/push.ts'

/** A subscription as a browser makes it, with what only the browser has. */
export interface Subscription {
  /** What `JSON.stringify` gives of a `PushSubscription`. */
  json: { endpoint: string; expirationTime: null; keys: { p256dh: string; auth: string } }
  /** Opens a message for this browser, by RFC 8291. Throws if it is for another. */
  open(body: Buffer): string
}

/** A message that the push service took, as the browser reads it. */
export interface Pushed {
  /** Of the subscription. */
  path: string
  message: PushMessage
  text: string
  headers: IncomingHttpHeaders
  /** The claims of the VAPID token, whose signature was verified. */
  claims: { aud: string; exp: number; sub: string }
  /** The key that the sender says it has. */
  publicKey: string
  /** The status of the answer; null if there was none. */
  status: number | null
}

interface Reply {
  status?: number
  headers?: Record<string, string>
  /** Closes the connection without an answer. */
  broken?: boolean
}

export interface TestPushService {
  origin: string
  pushed: Pushed[]
  /** Requests that are under way. */
  open(): number
  subscribe(): Subscription
  /** The answers from now on. Default: 201. */
  behave(behaviour: (pushed: Pushed) => Reply | Promise<Reply>): void
  close(): Promise<void>
}

/** A push service on this machine that reads and verifies what it gets. Closed when the test ends. */
export async function startPushService(): Promise<TestPushService> {
  const pushed: Pushed[] = []
  const subscriptions = new Map<string, Subscription>()
  let under = 0
  let behave: (pushed: Pushed) => Reply | Promise<Reply> = () => ({})
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { url: path = '/', headers } = request
    const subscription = subscriptions.get(path)
    if (!subscription) return void response.writeHead(404).end()
    let taken: Pushed
    try {
      if (headers['content-encoding'] !== 'aes128gcm') throw new Error('not aes128gcm')
      const text = subscription.open(Buffer.concat(chunks))
      const vapid = verifiedVapid(headers.authorization ?? '')
      taken = { path, text, message: JSON.parse(text), headers, ...vapid, status: null }
    } catch (error) {
      return void response.writeHead(400).end(String(error))
    }
    pushed.push(taken)
    under += 1
    const { status = 201, headers: more, broken } = await behave(taken)
    under -= 1
    if (broken) return void request.socket.destroy()
    taken.status = status
    response.writeHead(status, more).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const close = async () => {
    server.closeAllConnections()
    server.close()
  }
  onTestFinished(close)
  return {
    origin,
    pushed,
    open: () => under,
    subscribe() {
      const path = `/push/${randomBytes(12).toString('base64url')}`
      const subscription = newSubscription(origin + path)
      subscriptions.set(path, subscription)
      return subscription
    },
    behave(next) {
      behave = next
    },
    close,
  }
}

export function newSubscription(endpoint: string): Subscription {
  const pair = createECDH('prime256v1')
  const publicKey = pair.generateKeys()
  const auth = randomBytes(16)
  const keys = { p256dh: publicKey.toString('base64url'), auth: auth.toString('base64url') }
  return {
    json: { endpoint, expirationTime: null, keys },
    open(body) {
      // RFC 8188, 2.1: salt, record size, length of the key id, which is the sender's public key.
      const salt = body.subarray(0, 16)
      const idLength = body.readUInt8(20)
      const sender = body.subarray(21, 21 + idLength)
      const sealed = body.subarray(21 + idLength)
      const info = Buffer.concat([Buffer.from('WebPush: info\0'), publicKey, sender])
      const secret = Buffer.from(hkdfSync('sha256', pair.computeSecret(sender), auth, info, 32))
      const derive = (name: string, length: number) =>
        Buffer.from(
          hkdfSync('sha256', secret, salt, Buffer.from(`Content-Encoding: ${name}\0`), length),
        )
      const decipher = createDecipheriv('aes-128-gcm', derive('aes128gcm', 16), derive('nonce', 12))
      decipher.setAuthTag(sealed.subarray(-16))
      const padded = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()])
      const end = padded.lastIndexOf(2)
      return padded.subarray(0, end).toString()
    },
  }
}

function verifiedVapid(authorization: string): Pick<Pushed, 'claims' | 'publicKey'> {
  const [, token = '', publicKey = ''] =
    /^vapid t=([\w.-]+), ?k=([\w-]+)$/.exec(authorization) ?? []
  const [header = '', payload = '', signature = ''] = token.split('.')
  const decoded = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString())
  if (decoded(header).alg !== 'ES256') throw new Error('not ES256')
  const point = Buffer.from(publicKey, 'base64url')
  const key = createPublicKey({
    format: 'jwk',
    key: {
      ...{ kty: 'EC', crv: 'P-256' },
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    },
  })
  const signed = Buffer.from(`${header}.${payload}`)
  const options = { key, dsaEncoding: 'ieee-p1363' } as const
  if (!verify('sha256', signed, options, Buffer.from(signature, 'base64url'))) {
    throw new Error('a wrong signature')
  }
  return { claims: decoded(payload), publicKey }
}
