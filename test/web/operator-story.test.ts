import { expect, test } from 'vitest'
import { sleep } from '../../src/lib/timeout.ts'
import { newVapidKeys } from '../../src/lib/vapid.ts'
import { eventually, mintToken } from '../support/index.ts'
import { describeInBrowser, visitor } from '../support/web/browser.ts'
import { settled } from '../support/web/on-page.ts'
import { startPhone } from '../support/web/phone.ts'
import { siteOfSuite } from '../support/web/site.ts'

const { publicKey, privateKey } = newVapidKeys()

const TENANT = 'harbour'
const USER = 'hanna'

/** An event as the browser got it. */
interface Frame {
  event: string
  data: {
    seq: number
    amount?: number
    sum?: number
    count?: number
    fromSeq?: number
    toSeq?: number
    previousBalance: number
    newBalance: number
    timestamp: string
  }
  /** In milliseconds. */
  atMs: number
}

const cents = (amount: number) => Math.round(amount * 100)

describeInBrowser('from a new tenant to a busy phone', () => {
  const site = siteOfSuite({
    VAPID_PUBLIC_KEY: publicKey,
    VAPID_PRIVATE_KEY: privateKey,
    VAPID_SUBJECT: 'mailto:ops@example.com',
    WEBHOOK_ALLOW_PRIVATE: 'true',
  })

  async function call(token: string, path: string, body: object) {
    const response = await fetch(site.url + path, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    })
    expect([path, response.status]).toEqual([path, expect.toBeOneOf([200, 201])])
    return response.json()
  }

  test('an operator makes it, a service pays, the admin and the phone see it, at their own pace', async () => {
    const operator = await visitor({ sub: 'olga', roles: ['operator'] })
    const desk = await operator.open(`${site.url}/admin/tenants`)
    await desk.getByRole('button', { name: 'Make a tenant' }).click()
    const dialog = desk.getByRole('dialog')
    await dialog.getByLabel(/^Id /).fill(TENANT)
    await dialog.getByLabel('Name', { exact: true }).fill('Harbour Hotel')
    await dialog.getByRole('button', { name: 'Make it' }).click()
    await desk.waitForURL(`${site.url}/admin/tenants/${TENANT}`)
    const { key } = await site.call('operator', 'POST', '/platform/keys', {
      ...{ tenant: TENANT, name: 'booking', roles: ['service'] },
    })
    expect(key).toMatch(/^lb_live_/)
    // The operator acts as the admin of the tenant, and sees its requests as they come.
    await desk.getByRole('button', { name: 'Act as its admin' }).click()
    await desk.getByText('Live', { exact: true }).waitFor()

    const phone = await startPhone(site, { sub: USER, tenant: TENANT })
    const wallet = await phone.open()
    await wallet.getByRole('button', { name: 'Turn on' }).click()
    await wallet.getByText('On for this device').waitFor()
    await wallet.close()
    const token = await mintToken({ sub: USER, tenant: TENANT })
    await call(token, '/transactions/topup', { amount: 200 })
    await desk.getByRole('button', { name: `Approve $200.00 for ${USER}` }).click()

    // The service pays, with its key. The table of the open page shows it, without a reload.
    await desk.getByRole('link', { name: 'Users' }).click()
    await desk.getByRole('link', { name: USER }).click()
    await desk.getByRole('row', { name: /Topup.*\+\$200\.00/ }).waitFor()
    await settled(desk)
    const payment = { type: 'booking_payment', userId: USER, amount: 45, referenceId: 'B-17' }
    await call(key, '/transactions', payment)
    await desk.getByRole('row', { name: /-\$45\.00|−\$45\.00/ }).waitFor()

    // The push service verified who sends it, and only this phone could decrypt it.
    await eventually(async () => expect(phone.service.pushed).toHaveLength(2))
    for (const pushed of phone.service.pushed) {
      expect(pushed).toMatchObject({
        ...{ publicKey, status: 201 },
        claims: { aud: phone.service.origin, sub: 'mailto:ops@example.com' },
        headers: { 'content-encoding': 'aes128gcm' },
      })
    }
    expect(await phone.receive()).toBe(2)
    await eventually(async () =>
      expect((await phone.shown()).map(({ title }) => title).sort()).toEqual([
        '-$45.00',
        'Topup completed: +$200.00',
      ]),
    )

    await desk.getByRole('link', { name: 'Analytics' }).click()
    const amounts = desk.getByRole('region', { name: 'Amounts', exact: true })
    await amounts.getByText('Show as a table').click()
    await eventually(async () => {
      await desk.getByRole('button', { name: 'Refresh' }).click()
      await amounts.getByText('$45.00').first().waitFor({ timeout: 2_000 })
    })

    // 500 payments a second for four seconds. The phone's browser gets four frames a second of them.
    const listening = await phone.open()
    await listening.evaluate((token) => {
      const frames: Frame[] = []
      Object.assign(globalThis, { frames })
      const source = new EventSource(`/balance/stream?maxRate=4&token=${token}`)
      for (const event of ['balance_initial', 'balance_updated', 'transaction_completed']) {
        source.addEventListener(event, ({ data }) =>
          frames.push({ event, data: JSON.parse(data), atMs: performance.now() }),
        )
      }
    }, token)
    const received = () =>
      listening.evaluate(() => (globalThis as unknown as { frames: Frame[] }).frames)
    await eventually(async () => expect(await received()).toHaveLength(1))
    const commands = Array.from({ length: 20 }, () => ({
      ...{ type: 'booking_payment', userId: USER, amount: 0.01 },
    }))
    await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        // The pace of the load.
        await sleep(i * 40)
        const { results } = await call(key, '/transactions/bulk', { commands })
        expect(results.filter((one: object) => 'transaction' in one)).toHaveLength(20)
      }),
    )
    const all = await eventually(async () => {
      const frames = await received()
      expect(cents(frames.at(-1)?.data.newBalance ?? 0)).toBe(13_500)
      return frames
    })
    const [initial, ...later] = all
    expect(initial?.event).toBe('balance_initial')
    // No event is missing between two of them.
    let seq = initial?.data.seq ?? 0
    for (const { data } of later) {
      expect(data.fromSeq ?? data.seq).toBe(seq + 1)
      seq = data.toSeq ?? data.seq
    }
    const frames = later.filter(({ event }) => event === 'balance_updated')
    expect(frames.reduce((n, { data }) => n + (data.count ?? 1), 0)).toBe(2000)
    const change = frames.reduce((n, { data }) => n + cents(data.sum ?? data.amount ?? 0), 0)
    expect(change).toBe(-2000)
    expect(cents(frames[0]?.data.previousBalance ?? 0) + change).toBe(13_500)
    // By the time stamps of the server, or by the arrival of the frames where those lag behind.
    const [first, last] = [frames[0] as Frame, frames.at(-1) as Frame]
    const spanMs = Math.max(
      Date.parse(last.data.timestamp) - Date.parse(first.data.timestamp),
      last.atMs - first.atMs,
    )
    expect(frames.length).toBeLessThanOrEqual((4 * spanMs) / 1000 + 2)
  })
})
