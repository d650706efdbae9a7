import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject } from 'vitest'
import { newVapidKeys } from '../../src/lib/vapid.ts'
import { startPushService } from '../support/deliveries/push-service.ts'
import { describeWithPrivateRedis, eventually, mintToken } from '../support/index.ts'
import { test } from '../support/processes.ts'
import type { ServerProcess } from '../support/server-process.ts'

const { publicKey, privateKey } = newVapidKeys()

const more = {
  VAPID_PUBLIC_KEY: publicKey,
  VAPID_PRIVATE_KEY: privateKey,
  VAPID_SUBJECT: 'mailto:ops@example.com',
  WEBHOOK_ALLOW_PRIVATE: 'true',
}

async function call({ url }: ServerProcess, sub: string, path: string, body: object) {
  const token = await mintToken({ sub, ...(sub === 'ada' && { roles: ['admin'] }) })
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`)
}

const change = (server: ServerProcess, amount: number) =>
  call(server, 'ada', '/transactions/adjustment', { userId: 'ann', amount, description: 'push' })

describeWithPrivateRedis('push notifications of several processes', () => {
  test('come again with the same tag if the process was killed before it recorded them', async ({
    startProcess,
  }) => {
    const killed = await startProcess({ more })
    const service = await startPushService()
    service.behave(() => new Promise(() => {}))
    await call(killed, 'ann', '/balance/push', { subscription: service.subscribe().json })
    await change(killed, 5)
    await eventually(() => expect(service.pushed).toHaveLength(1))
    await killed.end('SIGKILL')
    service.behave(() => ({}))
    const kept = await startProcess({ more })
    await change(kept, 7)
    const seen = () => service.pushed.map(({ message, headers }) => [message.title, headers.topic])
    const [first] = seen()
    // The claim of the killed process has to expire first.
    await eventually(() => expect(seen()).toEqual([first, first, ['+$7.00', expect.anything()]]), {
      timeout: 60_000,
    })
    expect(service.pushed[1]?.message).toEqual(service.pushed[0]?.message)
  })

  test('come once Redis is back, and the log has one line about it', async ({
    redis,
    sql,
    startProcess,
  }) => {
    const logFile = join(inject('runFolder'), `push-${process.pid}.log`)
    const server = await startProcess({ more, logFile })
    const service = await startPushService()
    await call(server, 'ann', '/balance/push', { subscription: service.subscribe().json })
    await redis.kill()
    await change(server, 5)
    await change(server, 6)
    await redis.restart()
    await eventually(() =>
      expect(service.pushed.map(({ message }) => message.title)).toEqual(['+$5.00', '+$6.00']),
    )
    // Those that are not recorded yet would come again.
    await eventually(async () =>
      expect(await sql`select from push_devices where acked_seq < last_seq`).toEqual([]),
    )
    // Nor does a database that fails cost one. Its tables are away for a moment.
    const lines = async (text: string) => (await readFile(logFile, 'utf8')).split(text).length - 1
    await sql`alter table push_services rename to push_services_away`
    await eventually(async () =>
      expect(await lines('push notifications are not sent, because the database failed')).toBe(1),
    )
    await change(server, 7)
    await sql`alter table push_services_away rename to push_services`
    await eventually(() => expect(service.pushed.at(-1)?.message.title).toBe('+$7.00'))
    expect(service.pushed).toHaveLength(3)
    expect(await lines('push notifications are not sent')).toBe(1)
    expect(await lines(privateKey)).toBe(0)
  })
})
