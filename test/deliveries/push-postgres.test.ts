import { expect, onTestFinished, test } from 'vitest'
import { newVapidKeys } from '../../src/lib/vapid.ts'
import { connect } from '../../src/postgres/database.ts'
import { type Pushed, startPushService } from '../support/deliveries/push-service.ts'
import { describeWithRedis, eventually, mintToken, redisUrl } from '../support/index.ts'
import { bootServer } from '../support/observability/booted.ts'
import { startPrivatePostgres } from '../support/postgres/private-postgres.ts'

const USERS = ['told', 'held', 'refused-1', 'refused-2', 'refused-3', 'last'] as const
type User = (typeof USERS)[number]

describeWithRedis('push notifications while Postgres is killed', () => {
  test('those that wait come once it is back, each once, and the operator is warned', async () => {
    const postgres = await startPrivatePostgres()
    const { publicKey, privateKey } = newVapidKeys()
    const server = await bootServer({
      ...{ DATABASE_URL: postgres.url, REDIS_URL: redisUrl(), WEBHOOK_ALLOW_PRIVATE: 'true' },
      ...{ VAPID_PUBLIC_KEY: publicKey, VAPID_PRIVATE_KEY: privateKey },
      VAPID_SUBJECT: 'mailto:ops@example.com',
    })
    onTestFinished(() => server.close())
    const sql = connect(postgres.url, { max: 1 })
    onTestFinished(() => sql.end())

    const call = async (sub: string, path: string, body: object) => {
      const token = await mintToken({ sub, ...(sub === 'ada' && { roles: ['admin'] }) })
      const response = await fetch(server.url + path, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      })
      if (!response.ok) throw new Error(`${path}: ${await response.text()}`)
    }
    const change = (userId: User, amount: number) =>
      call('ada', '/transactions/adjustment', { userId, amount, description: 'push' })
    const logged = (text: string) => server.log.filter(({ msg }) => String(msg).includes(text))

    const service = await startPushService()
    const users = new Map<string, User>()
    for (const user of USERS) {
      const { json } = service.subscribe()
      await call(user, '/balance/push', { subscription: json })
      users.set(new URL(json.endpoint).pathname, user)
    }
    const named = ({ path, message }: Pushed) => `${users.get(path)} ${message.title}`
    const allRecorded = () =>
      eventually(async () => {
        const waiting = await sql`
            select id::text from outbox union all select id::text from delivery_feed
            union all select id::text from push_devices where next_attempt_at is not null`
        expect(waiting).toHaveLength(0)
      })

    await change('told', 1)
    await eventually(() => expect(service.pushed.map(named)).toEqual(['told +$1.00']))
    await allRecorded()

    // One is under way, others are tried again and again, and of the last one nobody knows how far it is.
    let answer = () => {}
    const answered = new Promise<void>((resolve) => {
      answer = resolve
    })
    service.behave(async ({ path }) => {
      if (users.get(path) !== 'held') return { status: 429 }
      await answered
      return {}
    })
    for (const user of USERS.slice(1, -1)) {
      await change(user, 2)
      await change(user, 3)
    }
    await eventually(() =>
      expect(new Set(service.pushed.map(({ path }) => path)).size).toBe(USERS.length - 1),
    )
    await change('last', 4)
    await postgres.kill()

    const warning = 'push notifications are not sent, because the database failed'
    await eventually(() => expect(logged(warning)).toMatchObject([{ level: 'warn' }]))
    answer()
    await eventually(() =>
      expect(logged('what was sent could not be recorded and is sent again')).not.toEqual([]),
    )
    await eventually(() => expect(service.open()).toBe(0))
    const before = service.pushed.splice(0)
    service.behave(() => ({}))
    await postgres.restart()

    await eventually(() => expect(logged('push notifications are sent again')).toHaveLength(1))
    await allRecorded()
    const sent = (user: User) => service.pushed.map(named).filter((name) => name.startsWith(user))
    expect(sent('told')).toEqual([])
    for (const user of USERS.slice(1, -1)) {
      expect(sent(user as User)).toEqual([`${user} +$2.00`, `${user} +$3.00`])
    }
    expect(sent('last')).toEqual(['last +$4.00'])
    // The one that was sent twice is one on the screen.
    const twice = [...before, ...service.pushed].filter(
      (pushed) => named(pushed) === 'held +$2.00' && pushed.status === 201,
    )
    expect(twice.map(({ message }) => message.tag)).toEqual([
      twice[0]?.message.tag,
      twice[0]?.message.tag,
    ])
    expect(logged(warning)).toHaveLength(1)
  })
})
