import type { Answer } from './delivery.ts'
import type { PushAddress } from './push.ts'

/** A message for one device. */
export interface PushNotification {
  /** JSON of a `PushMessage`, at most some hundred bytes. */
  payload: string
  /** After this time the service should drop it. Seconds. */
  ttl: number
  urgency: 'normal' | 'high'
  /** Another one with the same topic, which the device has not got yet, is replaced by it. At most 32 characters. */
  topic: string
}

/** What takes messages to devices of one kind: Web Push; FCM or APNs would be others. */
export interface PushService {
  /** Never rejects: a failure is an answer. `gone` says that the device does not exist any more. */
  send(device: PushAddress, notification: PushNotification): Promise<Answer>
}
