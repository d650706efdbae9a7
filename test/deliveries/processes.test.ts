import { expect } from 'vitest'
import { disorder, startReceiver, unreliable } from '../support/deliveries/receiver.ts'
import { describeWithPrivateRedis, eventually, mintToken } from '../support/index.ts'
import { test } from '../support/processes.ts'
import { Random } from '../support/random.ts'

const USERS = ['ann', 'bob', 'cem', 'dia', 'eve', 'fay']
const CHANGES = 30

describeWithPrivateRedis('webhooks of several processes', () => {
  test('lose nothing and keep the order when a receiver fails and a process is killed', async ({
    sql,
    startProcess,
  }) => {
    const more = { WEBHOOK_ALLOW_PRIVATE: 'true' }
    const [killed, kept] = await Promise.all([startProcess({ more }), startProcess({ more })])
    const token = await mintToken({ sub: 'ada', roles: ['admin'] })
    const post = async (url: string, path: string, body: object) => {
      const response = await fetch(url + path, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      })
      if (!response.ok) throw new Error(`${path}: ${response.status}`)
    }
    const random = new Random(20_251_104)
    const shop = await startReceiver(unreliable(() => random.next()))
    await post(kept.url, '/admin/webhooks', { url: shop.url })
    // Several changes of a user at a time, through both processes.
    const change = (url: string, userId: string) =>
      post(url, '/transactions/adjustment', { userId, amount: 1, description: 'webhooks' })
    const half = (urls: readonly string[]) =>
      Promise.all(
        USERS.flatMap((user) =>
          Array.from({ length: CHANGES / 2 }, (_, i) => change(urls[i % urls.length] ?? '', user)),
        ),
      )
    await half([killed.url, kept.url])
    await eventually(() => expect(shop.received.length).toBeGreaterThan(10))
    // It dies with users whom it has claimed.
    await killed.end('SIGKILL')
    await half([kept.url])
    const problems = () => USERS.flatMap((user) => disorder(shop, user, 2 * CHANGES))
    // What the killed process had claimed is free after half a minute, and each failure adds a pause.
    await eventually(() => expect(problems()).toEqual([]), { timeout: 120_000 })
    await eventually(async () => {
      const waiting = await sql`
        select from webhook_cursors where waiting_since is not null union all select from delivery_feed`
      expect(waiting).toHaveLength(0)
    })
  })
})
