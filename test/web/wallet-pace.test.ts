import { expect, test } from 'vitest'
import type { BalanceEvent } from '../../src/client/index.ts'
import { once } from '../../web/wallet/told-once.ts'
import { eventually } from '../support/index.ts'
import { describeInBrowser, visitor } from '../support/web/browser.ts'
import { isLive } from '../support/web/on-page.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

describeInBrowser('the wallet page on a server with a maximum rate', () => {
  // After the first change, what happens within 10 s is one frame.
  const site = siteOfSuite({ STREAM_MAX_RATE: '0.1' })

  test('a merged frame ends the wait of topups, and is told in its own words', async () => {
    const user = someone('ann')
    const before = await site.requestTopup(user, 50)
    const rejected = await site.requestTopup(user, 7)
    const visitors = await Promise.all(
      ['en-US', 'de-DE', 'vi-VN'].map((locale) => visitor({ sub: user, locale })),
    )
    const pages = await Promise.all(visitors.map(({ open }) => open(site.url)))
    await Promise.all(pages.map(isLive))
    const [page] = pages as [(typeof pages)[0]]
    await page.getByLabel('Amount to add').fill('3')
    await page.getByRole('button', { name: 'Request topup' }).click()
    const waiting = page.getByRole('region', { name: 'Waiting for approval' })
    await expect.poll(() => waiting.getByRole('button').count()).toBe(3)
    const { items } = await site.call(
      user,
      'GET',
      '/transactions/my-transactions?status=pending&limit=1',
    )

    await site.adjust(user, 1)
    await site.adjust(user, -1)
    const decide = (id: string, status: string) =>
      site.call('admin', 'PATCH', `/transactions/topup/${id}/process`, { status })
    await decide(before, 'success')
    await decide(items[0].id, 'success')
    await decide(rejected, 'failed')

    const said = [
      ['3 changes +$52.00', 'Not completed: 1.', 'Activity', '3 changes, just now'],
      ['3 Änderungen +52,00', 'Nicht ausgeführt: 1.', 'Aktivität', '3 Änderungen, gerade eben'],
      ['3 thay đổi +52,00', 'Không hoàn tất: 1.', 'Hoạt động', '3 thay đổi, vừa xong'],
    ] as const
    for (const [i, [title, text, activity, lately]] of said.entries()) {
      const of = pages[i] as (typeof pages)[0]
      const plain = (words: string) =>
        new RegExp(words.replace(/[+$.]/g, '\\$&').replace(/ /g, '\\s'))
      await of.locator('.toast').getByText(plain(title)).waitFor()
      await of.locator('.toast').getByText(text).waitFor()
      await of.getByText(lately).waitFor()
      // The page of the list, which is read now, has every single event.
      await of.getByRole('region', { name: activity }).getByRole('button').click()
      await expect
        .poll(() => of.getByRole('region', { name: activity }).getByRole('listitem').count())
        .toBe(5)
    }
    await waiting.waitFor({ state: 'detached' })
    const rows = page.getByRole('row', { name: /Topup/ })
    await eventually(async () => {
      const texts = await rows.allInnerTexts()
      expect(texts.filter((text) => text.includes('Completed'))).toHaveLength(2)
      expect(texts.filter((text) => text.includes('Pending'))).toHaveLength(0)
    })
  })

  test('the activity lists a merged frame that comes later, and not what it stands for', async () => {
    const user = someone('bea')
    const page = await (await visitor({ sub: user })).open(site.url)
    await isLive(page)
    const activity = page.getByRole('region', { name: 'Activity' })
    await site.adjust(user, 1)
    await activity.getByRole('button').click()
    await activity.getByText('Adjustment of $1.00 completed').waitFor()
    await site.adjust(user, 2)
    await site.adjust(user, 3)
    await activity.getByText(/2 changes \+\$5\.00/).waitFor()
    await expect.poll(() => activity.getByRole('listitem').count()).toBe(2)
  })
})

describeInBrowser('the wallet of a user with many payments', () => {
  const site = siteOfSuite()

  test('asks for few frames, and its chart does not grow without end', async () => {
    const user = someone('cem')
    await site.adjust(user, 1)
    const page = await (await visitor({ sub: user })).open('about:blank')
    const streams: string[] = []
    let send = (_: object) => {}
    await page.routeWebSocket(/./, (socket) => {
      streams.push(socket.url())
      const server = socket.connectToServer()
      server.onMessage((message) => socket.send(message))
      send = (message) => socket.send(JSON.stringify(message))
    })
    let reads = 0
    page.on('request', (request) => {
      if (request.url().includes('/balance/series')) reads += 1
    })
    await page.goto(site.url)
    await isLive(page)
    expect(streams.map((url) => new URL(url).searchParams.get('maxRate'))).toEqual(['4'])
    const line = page.locator('.chart path.line')
    await line.waitFor()
    const before = reads

    const { items } = await site.call(user, 'GET', '/balance/events')
    const [{ id, seq }] = items
    // Later than what the server's answers include.
    const start = Date.now() + 3_600_000
    for (let i = 1; i <= 500; i++) {
      send({
        ...{ event: 'balance_updated', newBalance: i + 1, previousBalance: i, currency: 'USD' },
        ...{ amount: 1, transactionId: `t${i}`, transactionType: 'adjustment' },
        ...{ id: id.replace(/\d+$/, `${seq + i}`), seq: seq + i },
        timestamp: new Date(start + i * 1000).toISOString(),
      })
    }
    await expect.poll(() => page.getByTestId('balance').textContent()).toBe('$501.00')
    await expect.poll(() => reads).toBeGreaterThan(before)
    const steps = ((await line.getAttribute('d')) ?? '').split('H').length
    expect(steps).toBeGreaterThan(145)
    expect(steps).toBeLessThan(300)
  })
})

const event = (seq: number, rest: object = {}) =>
  ({ event: 'transaction_completed', currency: 'USD', seq, ...rest }) as BalanceEvent
const merged = (fromSeq: number, toSeq: number, currency = 'USD') =>
  event(toSeq, { event: 'balance_updated', fromSeq, toSeq, count: 2, currency })
const seqsOf = (events: BalanceEvent[]) => events.map(({ seq }) => seq).sort((a, b) => a - b)

test('no change is told twice, by a merged event and by its own', () => {
  const past = [6, 5, 4, 3, 2, 1].map((seq) => event(seq))
  expect(seqsOf(once(past, [merged(3, 6)]))).toEqual([1, 2, 3, 4, 5, 6])
  expect(seqsOf(once(past, [merged(3, 8)]))).toEqual([1, 2, 8])
  expect(seqsOf(once([], [merged(3, 8), event(9)]))).toEqual([8, 9])
  // Another currency and other kinds are not part of it.
  expect(seqsOf(once(past, [merged(3, 8, 'EUR')]))).toEqual([1, 2, 3, 4, 5, 6, 8])
  const alert = event(4, { event: 'balance_alert' })
  expect(seqsOf(once([event(5), alert, event(3)], [merged(3, 8)]))).toEqual([4, 8])
})
