import { expect, test } from 'vitest'
import { eventually } from '../support/index.ts'
import { describeInBrowser, visitor } from '../support/web/browser.ts'
import { isLive, showsBalance } from '../support/web/on-page.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

describeInBrowser('the sections of the wallet', () => {
  const site = siteOfSuite()
  const give = (userId: string, amount: number, currency: string) =>
    site.call('admin', 'POST', '/transactions/adjustment', {
      ...{ userId, amount, currency },
      description: `in ${currency}`,
    })

  test('the address keeps section and currency, through links, back and a reload, and the focus follows', async () => {
    const user = someone('nora')
    await give(user, 10, 'USD')
    await give(user, 20, 'EUR')
    const page = await (await visitor({ sub: user })).open(site.url)
    await isLive(page)
    await page.getByRole('button', { name: 'EUR €20.00' }).click()
    const holds = page.getByRole('link', { name: 'Holds' })
    await holds.focus()
    await page.keyboard.press('Enter')
    const heading = page.getByRole('heading', { level: 1 })
    await eventually(async () => expect(await heading.textContent()).toBe('Money on hold'))
    await expect.poll(() => heading.evaluate((it) => it === document.activeElement)).toBe(true)
    await expect.poll(() => page.title()).toBe('Money on hold · Livebalance')
    await expect.poll(() => holds.getAttribute('aria-current')).toBe('page')
    expect(new URL(page.url()).search).toBe('?view=holds&currency=EUR')

    await page.reload()
    await page.getByText('Nothing is on hold').waitFor()
    const chosen = page.locator('.currencies [aria-pressed=true]')
    await expect.poll(() => chosen.textContent()).toBe('EUR €20.00')
    await page.goBack()
    await showsBalance(page, '€20.00')
    await expect.poll(() => heading.textContent()).toBe('Wallet')
    await page.goForward()
    await page.getByText('Nothing is on hold').waitFor()
    await page.goto(`${site.url}/?view=nonsense&currency=XXQ`)
    await showsBalance(page, '$10.00')
  })

  test('each currency is there with what is held, as it changes; the chosen one filters statement and activity', async () => {
    const user = someone('olaf')
    await give(user, 10, 'USD')
    await give(user, 20, 'EUR')
    await site.call(user, 'POST', '/transactions/hold', { amount: 4, currency: 'EUR' })
    const page = await (await visitor({ sub: user })).open(site.url)
    await isLive(page)
    const euros = page.getByRole('button', { name: /^EUR/ })
    await eventually(async () =>
      expect(await euros.textContent()).toBe('EUR €20.00 Available €16.00 Held €4.00'),
    )
    const rows = page.locator('.table.folds tbody tr')
    await rows.getByText('in USD').waitFor()
    await expect.poll(() => rows.getByText('in EUR').count()).toBe(0)
    await page.getByRole('button', { name: 'Show', exact: true }).click()
    const activity = page.locator('.activity li')
    await activity.getByText('$10.00').first().waitFor()

    await euros.click()
    await rows.getByText('in EUR').waitFor()
    await activity.getByText('€20.00').first().waitFor()
    await expect.poll(() => page.getByText('$10.00 completed').count()).toBe(0)
    await give(user, 5, 'EUR')
    await give(user, 5, 'JPY')
    await eventually(async () =>
      expect(await euros.textContent()).toBe('EUR €25.00 Available €21.00 Held €4.00'),
    )
    await page.getByRole('button', { name: /^JPY ¥5/ }).waitFor()
    await expect.poll(() => euros.getAttribute('aria-pressed')).toBe('true')
  })

  test('a withdrawal is asked about, waits in sight, and is gone once an admin has paid it out', async () => {
    const user = someone('paul')
    await site.adjust(user, 100)
    const page = await (await visitor({ sub: user })).open(`${site.url}/?view=withdraw`)
    await isLive(page)
    await page.getByText('No withdrawal is waiting.').waitFor()
    await page.getByLabel('Amount to withdraw').fill('60')
    await page.getByLabel('Note').fill('To my bank')
    await page.getByRole('button', { name: 'Continue' }).click()
    const dialog = page.getByRole('dialog', { name: 'Withdraw $60.00?' })
    await dialog.getByRole('button', { name: 'Request withdrawal' }).click()
    const waiting = page.getByRole('listitem').filter({ hasText: 'To my bank' })
    await waiting.getByText('$60.00').waitFor()
    await page.getByText('$60.00 requested.').waitFor()
    await eventually(async () =>
      expect(await page.locator('.funds dd').allTextContents()).toEqual([
        '$100.00',
        '$40.00',
        '$60.00',
      ]),
    )
    const { items } = await site.call(user, 'GET', '/transactions/my-transactions?type=withdrawal')
    const path = `/transactions/withdrawal/${items[0].id}/process`
    await site.call('admin', 'PATCH', path, { status: 'success' })
    await page.getByText('No withdrawal is waiting.').waitFor()
    await eventually(async () =>
      expect(await page.locator('.funds dd').allTextContents()).toEqual([
        '$40.00',
        '$40.00',
        '$0.00',
      ]),
    )
  })

  test('a hold says what it is for and when it ends, and can be released', async () => {
    const user = someone('quinn')
    await site.adjust(user, 100)
    const hotel = { amount: 30, description: 'Hotel', referenceId: 'B-7', expiresIn: 172_800 }
    const { id } = await site.call(user, 'POST', '/transactions/hold', hotel)
    await site.call(user, 'POST', `/transactions/hold/${id}/capture`, { amount: 10, final: false })
    const page = await (await visitor({ sub: user })).open(`${site.url}/?view=holds`)
    await isLive(page)
    const hold = page.getByRole('listitem').filter({ hasText: 'Hotel' })
    for (const text of [
      '$30.00 held',
      '$10.00 of it is already used',
      'Reference B-7',
      'in 2 days',
    ]) {
      await hold.getByText(text).waitFor()
    }
    await hold.getByRole('button', { name: 'Release the hold of $20.00' }).click()
    const dialog = page.getByRole('dialog', { name: 'Release $20.00?' })
    await dialog.getByRole('button', { name: 'Release' }).click()
    await page.getByText('Nothing is on hold').waitFor()
    await page.getByText('$20.00 released.').waitFor()
    await eventually(async () =>
      expect(await page.locator('.funds dd').allTextContents()).toEqual([
        '$90.00',
        '$90.00',
        '$0.00',
      ]),
    )
    // One that somebody else has opened appears without a reload.
    await site.call(user, 'POST', '/transactions/hold', { amount: 5, description: 'Scooter' })
    await page.getByRole('listitem').filter({ hasText: 'Scooter' }).waitFor()
  })

  test('alerts are added and removed, and limits say what is used and when it is free again', async () => {
    const user = someone('rosa')
    await site.adjust(user, 100)
    const limit = { userId: user, type: 'booking_payment', maxSum: 80, windowSeconds: 86_400 }
    await site.call('admin', 'PUT', '/transactions/limits', limit)
    const page = await (await visitor({ sub: user })).open(`${site.url}/?view=alerts`)
    await isLive(page)
    await page.getByText('There is no alert yet.').waitFor()
    await page.getByRole('button', { name: 'Add alert' }).click()
    await page.getByText('Enter an amount.').waitFor()
    await page.getByLabel('This amount').fill('70')
    await page.getByRole('button', { name: 'Add alert' }).click()
    await page.getByRole('listitem').filter({ hasText: 'Below $70.00' }).waitFor()

    await page.getByText('$0.00 used, $80.00 left').waitFor()
    const payment = { type: 'booking_payment', amount: 60 }
    await site.call(user, 'POST', '/transactions', payment)
    await page.getByText('Balance below $70.00').waitFor()
    await page.getByText('$60.00 used, $20.00 left').waitFor()
    await page.getByText(/\$60\.00 frees up in (24 hours|1 day|tomorrow)/).waitFor()
    await expect
      .poll(() => page.getByRole('meter').getAttribute('aria-label'))
      .toBe('Payment: 75% of the limit is used')

    await page.getByRole('button', { name: 'Remove the alert: Below $70.00' }).click()
    await page.getByText('There is no alert yet.').waitFor()
    for (let threshold = 1; threshold <= 20; threshold++) {
      await site.call(user, 'PUT', '/transactions/monitors', { threshold, direction: 'above' })
    }
    await page.getByLabel('This amount').fill('21')
    await page.getByRole('button', { name: 'Add alert' }).click()
    await page.getByText('You already have 20 alerts. Remove one first.').waitFor()
  })

  test('the first steps lead to the first money, and are not shown again', async () => {
    const user = someone('sara')
    const page = await (await visitor({ sub: user })).open(site.url)
    const guide = page.getByRole('region', { name: 'Welcome to your wallet' })
    const current = guide.locator('[aria-current=step]')
    await current.getByText('Ask for money').waitFor()
    await page.getByLabel('Amount to add').fill('25')
    await page.getByRole('button', { name: 'Request topup' }).click()
    await current.getByText('Have it approved').waitFor()
    const { items } = await site.call(user, 'GET', '/transactions/my-transactions')
    await site.call('admin', 'PATCH', `/transactions/topup/${items[0].id}/process`, {
      status: 'success',
    })
    await guide.getByText('That is all. Your wallet is ready.').waitFor()
    await guide.getByText('3 of 3 steps done').waitFor()
    await page.reload()
    await showsBalance(page, '$25.00')
    await expect.poll(() => guide.count()).toBe(0)

    // Who does not want it says so once.
    const other = await (await visitor({ sub: someone('tom') })).open(site.url)
    await other.getByRole('button', { name: 'Hide this guide' }).click()
    await other.reload()
    await isLive(other)
    await other.getByText('No history yet').waitFor()
    await expect.poll(() => other.locator('.guide').count()).toBe(0)
  })

  test('a section whose code cannot be loaded says so, and the rest of the page works on', async () => {
    const user = someone('uma')
    const { open, context } = await visitor({ sub: user })
    const page = await open(site.url)
    await isLive(page)
    await page.getByLabel('Amount to add').waitFor()
    await context.route('**/assets/part-*.js', (route) => route.abort())
    await page.getByRole('link', { name: 'Settings' }).click()
    await page.getByText('This part of the page could not be loaded.').waitFor()
    await page.getByRole('link', { name: 'Overview' }).click()
    await site.adjust(user, 3)
    await showsBalance(page, '$3.00')
    await page.getByRole('link', { name: 'Settings' }).click()
    // The browser may ask once more, so only now may the code be there again.
    await page.getByText('This part of the page could not be loaded.').waitFor()
    await context.unroute('**/assets/part-*.js')
    await page.getByRole('button', { name: 'Reload the page' }).click()
    await page.getByLabel('Language').waitFor()
  })

  test('a busy wallet is read out as a number, not change by change', async () => {
    const user = someone('vera')
    await site.adjust(user, 1)
    const page = await (await visitor({ sub: user })).open(site.url)
    await page.getByText('You are live').waitFor()
    const toasts = page.getByRole('region', { name: 'Messages' })
    const live = () => toasts.getAttribute('aria-live')
    await eventually(async () => expect(await live()).toBe('off'))
    await eventually(async () => expect(await live()).toBe('polite'))

    const counted: string[] = []
    await page.exposeFunction('counted', (text: string) => counted.push(text))
    await page.getByTestId('more-toasts').evaluate((it) => {
      const told = window as unknown as { counted(text: string): void }
      const look = () => it.textContent && told.counted(it.textContent)
      new MutationObserver(look).observe(it, {
        childList: true,
        characterData: true,
        subtree: true,
      })
    })
    // Until a number is said: how many are read out before depends on the machine.
    await eventually(async () => {
      await site.adjust(user, 1)
      expect(counted.length).toBeGreaterThan(0)
    })
    for (const text of counted) expect(text).toMatch(/^\d+ more notifications?\.$/)
    await eventually(async () => expect(await live()).toBe('polite'))
  })
})
