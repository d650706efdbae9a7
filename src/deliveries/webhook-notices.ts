import type { AdminNotice } from '../ledger/admin-notice.ts'
import { toIso } from '../ledger/rows.ts'

/** Changes within this time are told together. */
const GATHER_MS = 200

/** The least time until the next ones are told: a webhook of a busy tenant changes all the time. */
const PAUSE_MS = 2_000

/** Tells admins which webhooks have changed: their settings, or what was sent to them. */
export class WebhookNotices {
  readonly #announce: (notices: readonly AdminNotice[]) => void
  /** Tenants by the id of the webhook. */
  readonly #changed = new Map<string, string>()
  #timer: NodeJS.Timeout | undefined
  #next = 0

  constructor(announce: (notices: readonly AdminNotice[]) => void) {
    this.#announce = announce
  }

  changed(tenant: string, webhookId: string): void {
    this.#changed.set(webhookId, tenant)
    const waitMs = Math.max(GATHER_MS, this.#next - performance.now())
    this.#timer ??= setTimeout(() => this.#tell(), waitMs)
    this.#timer.unref()
  }

  /** What was not told yet is in the lists, which every page also reads from time to time. */
  close(): void {
    clearTimeout(this.#timer)
  }

  #tell(): void {
    this.#timer = undefined
    this.#next = performance.now() + PAUSE_MS
    const timestamp = toIso(new Date().toISOString())
    const notices = [...this.#changed].map(
      ([webhookId, tenant]) =>
        ({ event: 'webhook_changed', tenant, timestamp, webhookId }) as const,
    )
    this.#changed.clear()
    this.#announce(notices)
  }
}
