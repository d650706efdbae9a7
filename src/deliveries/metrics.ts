import { Histogram, LATENCY_BOUNDS } from '../lib/instruments.ts'
import type { DeliveryMeter } from './deliverer.ts'
import type { Answer } from './delivery.ts'

/** Counts the deliveries of this process since its start. */
class AttemptMeter {
  /** Answers that took the delivery, and attempts without one. */
  delivered = 0
  failed = 0
  /** Seconds of an attempt. */
  readonly seconds = new Histogram(LATENCY_BOUNDS)

  attempted({ delivered, durationMs }: Answer): void {
    if (delivered) this.delivered += 1
    else this.failed += 1
    this.seconds.add(durationMs / 1000)
  }
}

export class WebhookMeter extends AttemptMeter implements DeliveryMeter {
  /** Users whose events wait for a replay after days of failures. */
  setAsides = 0

  setAside(): void {
    this.setAsides += 1
  }
}

export class PushMeter extends AttemptMeter implements DeliveryMeter {
  /** Notifications that were not sent, because they were too old, or a page showed the wallet. */
  expired = 0
  seen = 0
  /** Devices that their push service does not know any more. */
  gone = 0

  override attempted(answer: Answer): void {
    super.attempted(answer)
    if (answer.gone) this.gone += 1
  }

  /** Never: a notification is soon too old instead. */
  setAside(): void {}
}
