import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { EventSource } from 'eventsource'
import { expect, inject, onTestFinished } from 'vitest'
import { freePort } from '../../src/local/ports.ts'
import { test } from '../support/fixtures.ts'
import { describeWithRedis, eventually, mintToken, redisUrl } from '../support/index.ts'
import { ServerProcess } from '../support/server-process.ts'

const STRIPE_WEBHOOK_SECRET = 'whsec_of_the_example'

/** Starts a program of the example, and gives its address. */
async function start(name: string, env: Record<string, string>): Promise<string> {
  const program = `examples/shop-with-provider/${name}.ts`
  const child = spawn(process.execPath, ['--import', 'tsx', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, ...env },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  return eventually(
    () => /listens on (http:\S+)/.exec(output)?.[1] ?? expect.fail(`no address in: ${output}`),
  )
}

/** What a screen shows: the names of the events, each with the balance. */
function screen(url: string, token: string): string[] {
  const told: string[] = []
  const source = new EventSource(`${url}/balance/stream?token=${token}`)
  for (const name of ['balance_initial', 'balance_updated', 'transaction_completed'] as const) {
    source.addEventListener(name, ({ data }) => {
      const { balance, newBalance = balance } = JSON.parse(data)
      told.push(`${name} ${newBalance}`)
    })
  }
  onTestFinished(() => source.close())
  return told
}

describeWithRedis('the shop with a payment provider of the examples', () => {
  test('the user asks, pays, and sees the money; the shop is told in order; each step twice', async ({
    database,
  }) => {
    const providerPort = await freePort()
    const server = await ServerProcess.start({
      databaseUrl: database.ownerUrl,
      redisUrl: redisUrl(),
      logFile: join(inject('runFolder'), 'provider.log'),
      more: {
        ...{ STRIPE_WEBHOOK_SECRET, STRIPE_SECRET_KEY: 'sk_test_12345678' },
        STRIPE_API_URL: `http://127.0.0.1:${providerPort}`,
        WEBHOOK_ALLOW_PRIVATE: 'true',
      },
    })
    onTestFinished(async () => void (await server.end('SIGKILL')))
    const [provider, shop] = await Promise.all([
      start('provider', {
        ...{ LIVEBALANCE_URL: server.url, PORT: String(providerPort), STRIPE_WEBHOOK_SECRET },
      }),
      start('shop', {
        ...{ LIVEBALANCE_URL: server.url, PORT: '0' },
        ADMIN_TOKEN: await mintToken({ sub: 'shop', roles: ['admin'] }),
      }),
    ])

    const token = await mintToken({ sub: 'ann' })
    const told = screen(server.url, token)
    await eventually(() => expect(told).toEqual(['balance_initial 0']))

    const ask = async (key: string) => {
      const response = await fetch(`${server.url}/transactions/topup`, {
        method: 'POST',
        headers: {
          ...{ Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
          'Idempotency-Key': key,
        },
        body: JSON.stringify({ amount: 50 }),
      })
      return (await response.json()) as { id: string; status: string; clientSecret: string }
    }
    const pay = async ({ clientSecret }: { clientSecret: string }) => {
      const body = JSON.stringify({ clientSecret })
      const response = await fetch(`${provider}/pay`, { method: 'POST', body })
      expect(await response.json()).toEqual({ paid: true })
    }
    const atShop = async () => {
      const response = await fetch(`${shop}/topups/ann`)
      return ((await response.json()) as { event: string; newBalance: number }[]).map(
        ({ event, newBalance }) => `${event} ${newBalance}`,
      )
    }

    const topup = await ask('first')
    expect(topup).toMatchObject({ status: 'pending', clientSecret: expect.stringMatching(/^pi_/) })
    expect(await ask('first')).toEqual(topup)
    await pay(topup)
    await pay(topup)
    const first = ['balance_updated 50', 'transaction_completed 50']
    await eventually(() => expect(told.slice(1)).toEqual(first))
    await eventually(async () => expect(await atShop()).toEqual(first))

    // The server is killed with the second payment's report on its way. The provider repeats it.
    const second = await ask('second')
    const paying = pay(second)
    await server.end('SIGKILL')
    await server.start()
    await paying
    await pay(second)
    const both = [...first, 'balance_updated 100', 'transaction_completed 100']
    await eventually(async () => expect(await atShop()).toEqual(both))
    await eventually(() =>
      expect(told.filter((line) => !line.startsWith('balance_initial'))).toEqual(both),
    )
  })
})
