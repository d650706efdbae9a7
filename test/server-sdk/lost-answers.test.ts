import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { createServiceClient } from '../../src/server-sdk/index.ts'
import { layWire, type Wire } from '../support/client/wire.ts'
import { createDatabase, eventually, mintToken, redisUrl } from '../support/index.ts'
import { ServerProcess } from '../support/server-process.ts'

/** The real server as a process of its own, behind a network that loses answers. */
async function shopBehindWire() {
  const database = await createDatabase()
  onTestFinished(() => database.drop())
  const folder = await mkdtemp(join(inject('runFolder'), 'lost-answers-'))
  const server = await ServerProcess.start({
    databaseUrl: database.ownerUrl,
    redisUrl: redisUrl(),
    logFile: join(folder, 'server.log'),
  })
  onTestFinished(async () => void (await server.end('SIGKILL')))
  const wire = await layWire(Number(new URL(server.url).port))
  const client = async (sub: string, ...roles: string[]) =>
    createServiceClient({
      url: wire.url,
      token: await mintToken({ sub, roles }),
      retry: { minDelay: 50, maxDelay: 200 },
    })
  const [alice, admin, shop] = [
    await client('alice'),
    await client('ada', 'admin'),
    await client('shop', 'service'),
  ]
  const { id } = await alice.requestTopup({ amount: 100 })
  await admin.settleTopup(id, { status: 'success' })
  return { server, wire, shop, admin }
}

const payments = async (admin: Awaited<ReturnType<typeof shopBehindWire>>['admin']) =>
  (await admin.transactions({ userId: 'alice', type: 'booking_payment' })).items

const lose = (wire: Wire, answers: number) => {
  wire.requests.length = 0
  wire.answersToLose = answers
}

describe.skipIf(inject('redisUrl') === null)('answers that are lost', () => {
  test('after the commit: the money moves once, and the call gets its answer', async () => {
    const { server, wire, shop, admin } = await shopBehindWire()
    lose(wire, 2)
    const paid = await shop.pay({ userId: 'alice', amount: 30 })
    expect(wire.requests).toEqual(Array(3).fill('POST /transactions HTTP/1.1'))
    expect(await payments(admin)).toEqual([paid])

    // A bulk is one call with one key.
    lose(wire, 1)
    const command = { type: 'booking_payment', userId: 'alice', amount: 5 } as const
    const { results } = await shop.bulk({ commands: [command, command] })
    expect(results).toMatchObject([
      { transaction: { newBalance: 65 } },
      { transaction: { newBalance: 60 } },
    ])
    expect(await admin.balance({ userId: 'alice' })).toMatchObject({ balance: 60 })

    // The answer to the last attempt is lost, too: the caller repeats it with the key of the error.
    lose(wire, 1)
    const failed = await shop
      .pay({ userId: 'alice', amount: 10 }, { retryFor: 0 })
      .catch((error) => error)
    expect(failed).toMatchObject({ code: 'unreachable', unknownOutcome: true })
    const { idempotencyKey } = failed
    const repeated = await shop.pay({ userId: 'alice', amount: 10 }, { idempotencyKey })
    expect(repeated).toMatchObject({ newBalance: 50 })

    // The server is killed and started again while the call goes on.
    await server.end('SIGKILL')
    const late = shop.pay({ userId: 'alice', amount: 20 })
    await eventually(() => expect(wire.requests.length).toBeGreaterThan(2))
    await server.start()
    expect(await late).toMatchObject({ newBalance: 30 })
    expect(await payments(admin)).toHaveLength(5)
  })
})
