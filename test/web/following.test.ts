import { expect, test } from 'vitest'
import { eventually } from '../support/index.ts'
import { describeInBrowser, visitor } from '../support/web/browser.ts'
import { balanceOn, isLive, showsBalance } from '../support/web/on-page.ts'
import { type Site, siteOfSuite, someone } from '../support/web/site.ts'

/** The server's counts of API reads and of rate-limited requests. */
async function counted(site: Site): Promise<{ reads: number; refused: number }> {
  const text = await (await fetch(`${site.url}/metrics`)).text()
  const sum = (line: RegExp) =>
    [...text.matchAll(line)].reduce((sum, [, count]) => sum + Number(count), 0)
  return {
    reads: sum(
      /^livebalance_http_request_duration_seconds_count\{(?=.*method="GET")(?=.*route="\/transactions).*\} (\d+)$/gm,
    ),
    refused: sum(/^livebalance_rate_limited_total\{.*\} (\d+)$/gm),
  }
}

describeInBrowser('a wallet that follows what happens', () => {
  const site = siteOfSuite({ RATE_LIMIT_READS: '120' })

  test('two hundred quick changes cost at most one read a second, and the statement is right in the end', async () => {
    const user = someone('quick')
    const wallet = await (await visitor({ sub: user })).open(site.url)
    await isLive(wallet)
    await wallet.getByText('Nothing yet').waitFor()
    await wallet.getByText('No history yet').waitFor()
    const before = await counted(site)
    const begun = Date.now()
    for (let i = 0; i < 20; i++) {
      await Promise.all(Array.from({ length: 10 }, () => site.adjust(user, 1)))
    }
    await site.adjust(user, 50)
    await showsBalance(wallet, '$250.00')
    const first = wallet.locator('table.folds tbody tr').first()
    // The description comes only from a read.
    await eventually(
      async () => expect(await first.textContent()).toMatch(/of a test.*\+\$50\.00.*\$250\.00/),
      {
        timeout: 60_000,
      },
    )
    const after = await counted(site)
    const seconds = (Date.now() - begun) / 1000
    expect(after.refused).toBe(0)
    expect(before.reads).toBeGreaterThan(0)
    expect(after.reads - before.reads).toBeLessThanOrEqual(Math.ceil(seconds) + 1)
  })

  test('by the page’s own clock it reads at most once a second, and shows each change at once', async () => {
    const user = someone('clock')
    await site.adjust(user, 1)
    const { context } = await visitor({ sub: user })
    const wallet = await context.newPage()
    await wallet.clock.install()
    await wallet.goto(site.url)
    await isLive(wallet)
    await showsBalance(wallet, '$1.00')
    await wallet.getByRole('row', { name: /of a test/ }).waitFor()
    // From here on the test controls the page's clock.
    await wallet.clock.pauseAt((await wallet.evaluate(() => Date.now())) + 3_000)
    let [reads, passed] = [0, 0]
    wallet.on('request', (request) => {
      if (request.method() === 'GET' && request.url().includes('/transactions/')) reads += 1
    })
    for (let i = 2; i <= 12; i++) {
      await site.adjust(user, 1)
      await eventually(async () => {
        await wallet.clock.runFor(5)
        passed += 5
        expect(await balanceOn(wallet)).toBe(`$${i}.00`)
      })
    }
    expect(reads).toBeLessThanOrEqual(Math.ceil(passed / 1000) + 1)
  })

  test('what happened is on the statement before anything is read, and what was decided waits no more', async () => {
    const user = someone('before')
    const topup = await site.requestTopup(user, 9)
    const page = await visitor({ sub: user })
    const wallet = await page.open(site.url)
    await isLive(wallet)
    await wallet.getByRole('button', { name: 'Cancel the topup of $9.00' }).waitFor()
    await wallet.getByRole('row', { name: /Topup.*Pending/ }).waitFor()
    await page.context.route('**/transactions/**', (route) => route.abort())
    await site.call('admin', 'PATCH', `/transactions/topup/${topup}/process`, { status: 'success' })
    await site.adjust(user, 4)
    await wallet.getByRole('row', { name: /Adjustment.*Completed.*\+\$4\.00.*\$13\.00/ }).waitFor()
    await wallet.getByRole('row', { name: /Topup.*Completed.*\$9\.00/ }).waitFor()
    await wallet
      .getByRole('heading', { name: 'Waiting for approval' })
      .waitFor({ state: 'detached' })
    await showsBalance(wallet, '$13.00')
  })

  test('a page that does not come is not said to be shown', async () => {
    const user = someone('paging')
    for (let i = 0; i < 12; i++) await site.adjust(user, 1)
    const page = await visitor({ sub: user })
    const wallet = await page.open(site.url)
    const place = wallet.getByRole('navigation', { name: /Pages of/ }).getByRole('status')
    await place.waitFor()
    await page.context.route('**/my-transactions*', (route) => route.abort())
    await wallet.getByRole('button', { name: 'Older' }).click()
    await wallet.getByText('The server does not answer').waitFor()
    await expect.poll(() => place.textContent()).toBe('Page 1')
    await page.context.unroute('**/my-transactions*')
    await wallet.getByRole('button', { name: 'Try again' }).click()
    await eventually(async () => expect(await place.textContent()).toBe('Page 2'))
  })

  test('every currency stands beside the others, in the forms and on the statement of its own', async () => {
    const user = someone('yen')
    const give = (amount: number, currency: string) =>
      site.call('admin', 'POST', '/transactions/adjustment', {
        userId: user,
        amount,
        currency,
        description: 'To begin with',
      })
    await give(250_000, 'JPY')
    const wallet = await (await visitor({ sub: user })).open(site.url)
    await isLive(wallet)
    // The user's currency is shown, not $0.00.
    await showsBalance(wallet, '¥250,000')
    await give(12.5, 'USD')
    const dollars = wallet.getByRole('button', { name: 'USD $12.50' })
    await dollars.waitFor()
    await wallet.getByRole('button', { name: 'JPY ¥250,000' }).waitFor()

    const rows = wallet.locator('table.folds tbody tr')
    const amounts = () => rows.locator('.amount-cell').allTextContents()
    await eventually(async () => expect(await amounts()).toEqual(['+¥250,000']))
    await dollars.click()
    await showsBalance(wallet, '$12.50')
    await eventually(async () => expect(await amounts()).toEqual(['+$12.50']))
    await wallet.getByRole('group', { name: 'Filter' }).getByLabel('Currency').selectOption('')
    await eventually(async () => expect(await amounts()).toEqual(['+$12.50USD', '+¥250,000JPY']))

    const form = wallet.getByRole('region', { name: 'Move money' })
    await form.getByRole('tab', { name: 'Pay' }).click()
    await expect.poll(() => form.getByLabel('Currency').inputValue()).toBe('USD')
    await form.getByLabel('Currency').selectOption('JPY')
    await form.getByLabel('Amount to pay').fill('1,000')
    await form.getByText('Understood as ¥1,000').waitFor()
    await form.getByRole('button', { name: 'Pay now' }).click()
    await wallet.getByRole('button', { name: 'JPY ¥249,000' }).waitFor()
  })
})
