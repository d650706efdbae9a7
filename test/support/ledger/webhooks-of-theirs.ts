import { WebhookEndpoints } from '../../../src/deliveries/webhook-endpoints.ts'
import { WebhookQueue } from '../../../src/deliveries/webhook-queue.ts'
import type { Sql } from '../../../src/postgres/database.ts'
import { MARK } from './tenant-names.ts'

/** An endpoint of `theirs`, with a secret before the present one. */
export async function openWebhooks(sql: Sql) {
  const endpoints = new WebhookEndpoints(sql)
  const queue = new WebhookQueue(sql, { perEndpoint: 64 })
  const created = await endpoints.create('theirs', MARK, {
    url: `https://hooks.example.com/${MARK}`,
    ...{ description: MARK, events: null, userIds: ['alice', 'bob', MARK] },
  })
  if (!created) throw new Error('no endpoint')
  const rotated = await endpoints.rotate('theirs', created.id, 3600)
  return {
    endpoints,
    endpoint: created.id,
    secrets: [created.id, created.secret, rotated?.secret],
    /** Tries every event that waits, in vain: one user is tried again later, the others are set aside. */
    async fail(): Promise<void> {
      const waiting = await queue.claim(10, new Map())
      const attempt = { delivered: false, status: 500, error: MARK, durationMs: 1 }
      await Promise.all(
        waiting.map(({ tenant, targetId, walletId, ackedSeq, lastSeq }, i) =>
          queue.record({
            ...{ tenant, targetId, walletId, ackedSeq, error: MARK },
            ...(i === 0 ? { outcome: 'failed', retryMs: 3_600_000 } : { outcome: 'set_aside' }),
            attempts: [{ ...attempt, fromSeq: ackedSeq + 1, toSeq: lastSeq }],
          }),
        ),
      )
    },
  }
}
