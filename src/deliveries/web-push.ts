import type { VapidKeys } from '../lib/vapid.ts'
import type { Answer } from './delivery.ts'
import { type GuardedRequests, reasonOf, retryAfterMs } from './guarded-request.ts'
import { encryptMessage } from './message-encryption.ts'
import type { PushAddress } from './push.ts'
import type { PushNotification, PushService } from './push-service.ts'
import { VapidHeader } from './vapid-header.ts'

/** The Web Push protocol (RFC 8030), to the push service that the browser has chosen. */
export class WebPush implements PushService {
  readonly #requests: Pick<GuardedRequests, 'post'>
  readonly #vapid: VapidHeader

  constructor(requests: Pick<GuardedRequests, 'post'>, keys: VapidKeys) {
    this.#requests = requests
    this.#vapid = new VapidHeader(keys)
  }

  async send(device: PushAddress, notification: PushNotification): Promise<Answer> {
    const began = performance.now()
    const answer = (delivered: boolean, status: number | null, error: string | null) => ({
      ...{ delivered, status, error, durationMs: Math.round(performance.now() - began) },
    })
    try {
      const url = new URL(device.address)
      const { body, headers } = await this.#request(url, device, notification)
      const received = await this.#requests.post(url, headers, body)
      const { status } = received
      if (status >= 200 && status < 300) return answer(true, status, null)
      return {
        ...answer(false, status, `status ${status}`),
        retryAfterMs: retryAfterMs(received),
        gone: status === 404 || status === 410,
      }
    } catch (error) {
      return answer(false, null, reasonOf(error))
    }
  }

  async #request({ origin }: URL, { keys }: PushAddress, notification: PushNotification) {
    const { payload, ttl, urgency, topic } = notification
    const { p256dh = '', auth = '' } = keys
    const body = encryptMessage(payload, { p256dh, auth })
    const headers = {
      Authorization: await this.#vapid.for(origin),
      'Content-Type': 'application/octet-stream',
      'Content-Encoding': 'aes128gcm',
      'Content-Length': String(body.length),
      TTL: String(ttl),
      Urgency: urgency,
      Topic: topic,
    }
    return { body, headers }
  }
}
