import type { Locator } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDatabase, eventually, mintToken, type TestDatabase } from '../support/index.ts'
import { describeInBrowser, PHONE, visitor } from '../support/web/browser.ts'
import { balanceOn, isLive, showsBalance } from '../support/web/on-page.ts'
import { type Site, someone, startSite } from '../support/web/site.ts'

let database: TestDatabase
let site: Site

/** What the server counted so far: reads of the API, and requests that it refused for being too many. */
async function counted(): Promise<{ reads: number; refused: number }> {
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
  beforeAll(async () => {
    database = await createDatabase()
    site = await startSite(database, 0, { RATE_LIMIT_READS: '120' })
  }, 60_000)
  afterAll(async () => {
    await site?.stop()
    await database?.drop()
  })

  test('two hundred quick changes cost at most one read a second, and the statement is right in the end', async () => {
    const user = someone('quick')
    const wallet = await (await visitor({ sub: user })).open(site.url)
    await isLive(wallet)
    await wallet.getByText('Nothing yet').waitFor()
    await wallet.getByText('No history yet').waitFor()
    const before = await counted()
    const begun = Date.now()
    for (let i = 0; i < 20; i++) {
      await Promise.all(Array.from({ length: 10 }, () => site.adjust(user, 1)))
    }
    await site.adjust(user, 50)
    await showsBalance(wallet, '$250.00')
    const first = wallet.locator('table.folds tbody tr').first()
    // It says why, which only a reading knows.
    await eventually(
      async () => expect(await first.textContent()).toMatch(/of a test.*\+\$50\.00.*\$250\.00/),
      {
        timeout: 60_000,
      },
    )
    const after = await counted()
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
    // From here on its time passes only as the test lets it.
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
    expect(await place.textContent()).toBe('Page 1')
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
    // Not $0.00: what there is.
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
    expect(await form.getByLabel('Currency').inputValue()).toBe('USD')
    await form.getByLabel('Currency').selectOption('JPY')
    await form.getByLabel('Amount to pay').fill('1,000')
    await form.getByText('Understood as ¥1,000').waitFor()
    await form.getByRole('button', { name: 'Pay now' }).click()
    await wallet.getByRole('button', { name: 'JPY ¥249,000' }).waitFor()
  })

  test('the chart stands on zero, and its values are there for the keyboard and as a table', async () => {
    const user = someone('chart')
    for (const amount of [60, 40, -25]) await site.adjust(user, amount)
    const wallet = await (await visitor({ sub: user })).open(site.url)
    await isLive(wallet)
    const chart = wallet.getByRole('slider', { name: /Balance over time/ })
    await wallet.getByRole('button', { name: 'All', exact: true }).click()
    await chart.focus()
    const value = () => chart.getAttribute('aria-valuetext')
    await eventually(async () => expect(await value()).toMatch(/^\$75\.00/))
    // The range may still be read: before it, the line began a day ago with nothing.
    await eventually(async () => {
      await wallet.keyboard.press('Home')
      expect(await value()).toMatch(/^\$60\.00/)
    })
    await wallet.keyboard.press('ArrowRight')
    expect(await value()).toMatch(/^\$(100|75)\.00/)
    await wallet.locator('.axis').getByText('$0.00').waitFor()
    // A balance that it never had before.
    await site.adjust(user, 30)
    await wallet.keyboard.press('End')
    await eventually(async () => {
      await wallet.keyboard.press('End')
      expect(await value()).toMatch(/^\$105\.00/)
    })
    await wallet.getByText('Show as a table').click()
    await wallet.getByRole('region', { name: 'Balance over time' }).getByText('$105.00').waitFor()
  })

  test('notifications cover no button, at the desk and on the phone', async () => {
    const user = someone('shelf')
    for (let i = 0; i < 12; i++) await site.adjust(user, 1)
    const wallet = await (await visitor({ sub: user })).open(site.url)
    await isLive(wallet)
    for (const size of [undefined, PHONE]) {
      if (size) await wallet.setViewportSize(size)
      await site.adjust(user, 2)
      const older = wallet.getByRole('button', { name: 'Older' })
      await wallet.locator('.toast', { hasText: 'Adjustment of $2.00' }).last().waitFor()
      const free = await older.evaluate((button) => {
        window.scrollTo(0, document.documentElement.scrollHeight)
        const shelf = document.querySelector('.toasts')?.getBoundingClientRect()
        return shelf && button.getBoundingClientRect().bottom <= shelf.top
      })
      expect(free).toBe(true)
    }
  })

  test('in forced colours what is chosen is told apart, and can be read', async () => {
    const user = someone('forced')
    await site.adjust(user, 5)
    await site.call('admin', 'POST', '/transactions/adjustment', {
      ...{ userId: user, amount: 300, currency: 'JPY' },
      description: 'of a test',
    })
    const wallet = await (await visitor({ sub: user })).open(site.url)
    await wallet.emulateMedia({ forcedColors: 'active' })
    await wallet.getByRole('button', { name: 'JPY ¥300' }).waitFor()
    const system = await wallet.evaluate(() => {
      const sample = document.body.appendChild(document.createElement('i'))
      sample.style.cssText =
        'forced-color-adjust: none; color: HighlightText; background: Highlight'
      const { color, backgroundColor } = getComputedStyle(sample)
      sample.remove()
      return [color, backgroundColor]
    })
    const coloursOf = (button: Locator) =>
      button.evaluate((it) => [getComputedStyle(it).color, getComputedStyle(it).backgroundColor])
    const [usd, jpy] = ['USD $5.00', 'JPY ¥300'].map((name) => wallet.getByRole('button', { name }))
    const [add, pay] = ['Add money', 'Pay'].map((name) => wallet.getByRole('tab', { name }))
    const [day, week] = ['Day', 'Week'].map((name) => wallet.getByRole('button', { name }))
    for (const [chosen, other] of [
      [usd, jpy],
      [add, pay],
      [day, week],
    ] as [Locator, Locator][]) {
      expect(await coloursOf(chosen)).toEqual(system)
      expect(await coloursOf(other)).not.toEqual(system)
    }
  })

  test.each([
    ['wallet', false, '.balance .skeleton', '$5.00'],
    ['console', true, 'main .stack .skeleton', 'Nothing is waiting'],
  ] as const)(
    'on a slow line the %s shows something from the first answer on',
    async (_, admin, place, last) => {
      const user = admin ? 'admin' : someone('slow')
      if (!admin) await site.adjust(user, 5)
      const { context } = await visitor({ sub: user, admin })
      const held: { path: string; go: () => void }[] = []
      await context.route(
        /assets\/.*\.js$|session\.json$|\/(transactions|admin)\//,
        async (route) => {
          const { pathname } = new URL(route.request().url())
          await new Promise<void>((go) => held.push({ path: pathname, go }))
          await route.continue()
        },
      )
      const release = (path: RegExp) => {
        for (const { go } of held.filter((request) => path.test(request.path))) go()
      }
      const page = await context.newPage()
      await page.goto(site.url + (admin ? '/admin' : '/'), { waitUntil: 'commit' })
      // Each part is waited for while the answer that replaces it is held back.
      const shows = (locator: string) => page.locator(locator).first().waitFor()
      await shows('.opening > .skeleton')
      await eventually(async () => {
        release(/assets/)
        expect(await page.locator('.opening > .stack > .skeleton').count()).toBeGreaterThan(0)
      })
      await eventually(async () => {
        release(/session/)
        expect(await page.locator(place).count()).toBeGreaterThan(0)
      })
      await eventually(async () => {
        release(/./)
        expect(await page.getByText(last).count()).toBeGreaterThan(0)
      })
    },
  )

  test('what is only there to be announced takes no room under a form', async () => {
    const wallet = await (await visitor({ sub: someone('room') })).open(site.url)
    await isLive(wallet)
    const form = wallet.getByRole('region', { name: 'Move money' })
    for (const [tab, button] of [
      ['Add money', 'Request topup'],
      ['Pay', 'Pay now'],
    ] as const) {
      await form.getByRole('tab', { name: tab }).click()
      const below = await form
        .getByRole('button', { name: button })
        .evaluate(
          (it) =>
            (it.closest('form')?.getBoundingClientRect().bottom ?? 0) -
            it.getBoundingClientRect().bottom,
        )
      expect([tab, Math.round(below)]).toEqual([tab, 0])
    }
  })

  test('a token with a wrong signature opens no wallet', async () => {
    const wallet = await (await visitor()).open(site.url)
    const token = await mintToken({ sub: 'mallory' })
    const [head, payload] = token.split('.')
    await wallet.getByLabel('Token').fill(`${head}.${payload}.${'A'.repeat(43)}`)
    await wallet.getByRole('button', { name: 'Sign in' }).click()
    await wallet.getByText('The server does not accept this token').waitFor()
    expect(await wallet.getByTestId('balance').count()).toBe(0)
  })
})
