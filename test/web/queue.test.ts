import type { Locator, Page } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../support/index.ts'
import { describeInBrowser, openConsole, PHONE } from '../support/web/browser.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

/** The longest ids of identity providers. */
const LONG = `auth0:${'0123456789abcdef'.repeat(6)}`.slice(0, 97)

describeInBrowser('deciding in the console’s queue', () => {
  const site = siteOfSuite()
  /** Rejects what a test leaves, so that a test that fails does not make the next one fail. */
  const cleared = (ids: string[]) => {
    onTestFinished(async () => {
      for (const id of ids) {
        await site
          .call('other-admin', 'PATCH', `/transactions/topup/${id}/process`, { status: 'failed' })
          .catch(() => {})
      }
    })
    return ids
  }
  const several = async (name: string, amount = 10, count = 4) => {
    const ids = cleared([])
    for (let i = 0; i < count; i++) ids.push(await site.requestTopup(someone(name), amount))
    return ids
  }
  const approveOf = (page: Page, id: string | undefined) =>
    page.locator(`[data-request="${id}"]`).getByRole('button', { name: /^Approve/ })
  const statuses = (ids: string[]) =>
    Promise.all(
      ids.map(async (id) => (await site.call('admin', 'GET', `/transactions/${id}`)).status),
    )
  const outcome = (page: Page, id: string | undefined) =>
    page.locator(`[data-request="${id}"][data-status]`)
  /** Waits until the page has read the queue once more: it shows a request that is made now. */
  const readsAgain = async (page: Page) => {
    const [id] = cleared([await site.requestTopup(someone('again'), 1)])
    await page.locator(`[data-request="${id}"]`).waitFor()
  }

  test.each([150, 300, 600])(
    'two clicks %i ms apart on one place decide one request',
    async (distance) => {
      const ids = await several('double')
      const page = await openConsole(site.url)
      const sent: string[] = []
      page.on('request', (request) => {
        if (request.method() === 'PATCH') sent.push(request.url())
      })
      const { x, y } = await middle(approveOf(page, ids[0]))
      await page.mouse.click(x, y)
      // The time between two clicks is an input of the test. The test waits for nothing here.
      await page.waitForTimeout(distance)
      await page.mouse.click(x, y)
      await outcome(page, ids[0]).waitFor()
      await readsAgain(page)
      expect(sent).toHaveLength(1)
      await expect.poll(() => statuses(ids)).toEqual(['success', 'pending', 'pending', 'pending'])
    },
  )

  test('a decision stays in its place, also one that another admin made, and nothing scrolls', async () => {
    const ids = await several('still', 10, 12)
    const page = await openConsole(site.url)
    const third = approveOf(page, ids[9])
    await third.scrollIntoViewIfNeeded()
    const before = await middle(third)
    const scrolled = await page.evaluate(() => scrollY)
    expect(scrolled).toBeGreaterThan(0)

    await site.call('other-admin', 'PATCH', `/transactions/topup/${ids[7]}/process`, {
      status: 'success',
    })
    await outcome(page, ids[7]).getByText('approved by other-admin').waitFor()
    await approveOf(page, ids[8]).click()
    await outcome(page, ids[8]).waitFor()
    await expect
      .poll(() => outcome(page, ids[8]).evaluate((card) => card === document.activeElement))
      .toBe(true)
    await expect.poll(() => page.evaluate(() => scrollY)).toBe(scrolled)
    const after = await middle(third)
    // Less than half a button, so the pointer is still on the same button.
    expect(Math.abs(after.y - before.y)).toBeLessThan(20)
  })

  test('a button that slides takes no click until it has stood still', async () => {
    const ids = await several('slide')
    const page = await openConsole(site.url)
    await approveOf(page, ids[0]).click()
    await outcome(page, ids[0]).waitFor()
    await page.getByRole('button', { name: 'Hide decided requests (1)' }).waitFor()
    const guarded = await approveOf(page, ids[1]).evaluate((button, text) => {
      const top = button.getBoundingClientRect().top
      return new Promise<string>((resolve) => {
        new MutationObserver(() => {
          const { left, top: now, width, height } = button.getBoundingClientRect()
          if (Math.abs(now - top) < 20) return
          const hit = document.elementFromPoint(left + width / 2, now + height / 2)
          resolve(button.contains(hit) ? 'takes the click' : 'takes none')
        }).observe(document.body, { childList: true, subtree: true })
        const away = [...document.querySelectorAll('button')].find((each) =>
          each.textContent?.includes(text),
        )
        away?.click()
      })
    }, 'Hide decided')
    expect(guarded).toBe('takes none')
    // A moment later it takes the click.
    await approveOf(page, ids[1]).click()
    await outcome(page, ids[1]).waitFor()
  })

  test('a large amount is asked about again, and a double click is no answer', async () => {
    const ids = await several('large', 5_000)
    const page = await openConsole(site.url)
    const { x, y } = await middle(approveOf(page, ids[0]))
    await page.mouse.dblclick(x, y)
    const dialog = page.getByRole('dialog')
    await dialog.getByText(/^Approve \$5,000\.00 for large-/).waitFor()
    await expect.poll(() => statuses(ids)).toEqual(['pending', 'pending', 'pending', 'pending'])
    await dialog.getByRole('button', { name: 'Approve $5,000.00' }).click()
    await outcome(page, ids[0]).waitFor()
    await expect.poll(() => statuses(ids)).toEqual(['success', 'pending', 'pending', 'pending'])
  })

  test('dialogs and cards fit on a phone, however long the user’s id is', async () => {
    const [id] = cleared([await site.requestTopup(LONG, 5_000)])
    await site.adjust(LONG, 50)
    const pay = { type: 'booking_payment', amount: 20, description: 'A night' }
    await site.call(LONG, 'POST', '/transactions', pay)
    const page = await openConsole(site.url)
    await page.setViewportSize(PHONE)
    await approveOf(page, id).click()
    await fits(page)
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()

    await page.goto(`${site.url}/admin/users/${encodeURIComponent(LONG)}`)
    for (const name of ['Adjust balance', 'Refund $20.00']) {
      await page.getByRole('button', { name }).click()
      await fits(page)
      await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
    }
  })

  test('several are chosen and decided at once, each by itself, and what is refused says why', async () => {
    const [first, second, third] = await several('bulk', 20, 3)
    const own = cleared([await site.requestTopup('admin', 7)])[0]
    const page = await openConsole(site.url)
    const row = (id: string | undefined) => page.locator(`[data-request="${id}"]`)
    // Nobody chooses their own request.
    await expect.poll(() => row(own).getByRole('checkbox').isDisabled()).toBe(true)
    await page.getByRole('checkbox', { name: 'Choose all requests of this page' }).check()
    const bar = page.getByRole('region', { name: 'Chosen requests' })
    await bar.getByText('3 chosen').waitFor()
    await bar.getByText('$60.00 in').waitFor()
    await row(third).getByRole('checkbox').uncheck()
    await bar.getByText('2 chosen').waitFor()
    await bar.getByRole('button', { name: 'Approve chosen' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('$40.00 in').waitFor()
    // Somebody else decides one of them before the request arrives, and the page cannot know.
    await page.route('**/admin/stream*', (route) => route.abort())
    await page.route('**/transactions/bulk', async (route) => {
      await page.route('**/admin/requests*', (read) => read.abort())
      const status = { status: 'failed' }
      await site.call('other-admin', 'PATCH', `/transactions/topup/${second}/process`, status)
      await route.continue()
    })
    await dialog.getByLabel('Note').fill('All in one')
    await dialog.getByRole('button', { name: 'Approve 2 requests' }).click()
    await page.locator(`[data-request="${first}"][data-status="success"]`).waitFor()
    await page.unroute('**/admin/requests*')
    await page.locator(`[data-request="${second}"][data-status="failed"]`).waitFor()
    await expect
      .poll(() => statuses([first, second, third].map(String)))
      .toEqual([...['success', 'failed', 'pending']])
    const { adminNotes } = await site.call('admin', 'GET', `/transactions/${first}`)
    expect(adminNotes).toBe('All in one')
  })

  test('the keyboard moves, approves, rejects with a note and chooses, and never by accident', async () => {
    const ids = await several('keys')
    const page = await openConsole(site.url)
    const row = (id: string | undefined) => page.locator(`[data-request="${id}"]`)
    await row(ids[3]).waitFor()
    const current = () =>
      page.evaluate(() => (document.activeElement as HTMLElement).dataset.request)
    const press = (key: string) => page.keyboard.press(key)
    await press('a')
    await press('j')
    await expect.poll(() => current()).toBe(ids[0])
    await press('ArrowDown')
    await expect.poll(() => current()).toBe(ids[1])
    await press('k')
    // With a modifier, or in a field, a key is not the queue’s.
    await press('Control+a')
    await row(ids[1]).getByLabel('Note').fill('')
    await row(ids[1]).getByLabel('Note').press('a')
    await expect.poll(() => statuses(ids)).toEqual(['pending', 'pending', 'pending', 'pending'])

    await row(ids[0]).focus()
    await press('a')
    await outcome(page, ids[0]).waitFor()
    // The focus stays, so the key again decides nothing.
    await expect.poll(() => current()).toBe(ids[0])
    await press('a')
    await press('j')
    await press('r')
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Note').fill('By key')
    await dialog.getByRole('button', { name: 'Reject' }).click()
    await outcome(page, ids[1]).getByText('Note: By key').waitFor()
    await press('j')
    await press('x')
    await page.getByText('1 chosen').waitFor()
    await press('?')
    await dialog.getByText('Reject it, with a note').waitFor()
    await press('Escape')
    await dialog.waitFor({ state: 'detached' })
    await expect.poll(() => statuses(ids)).toEqual(['success', 'failed', 'pending', 'pending'])
  })

  test('filters and the order are in the address, and a reload keeps them', async () => {
    const ids = await several('filter', 10, 2)
    const page = await openConsole(site.url)
    const shown = () =>
      page
        .locator('[data-request]')
        .evaluateAll((rows) => rows.map((each) => each.getAttribute('data-request')))
    await page.getByRole('button', { name: 'Newest first' }).click()
    await eventually(async () => expect((await shown()).slice(0, 2)).toEqual([...ids].reverse()))
    await page.getByLabel('Type').selectOption('withdrawal')
    await page.getByText('No request that waits matches this filter.').waitFor()
    await page.getByLabel('Type').selectOption('topup')
    const { userId } = await site.call('admin', 'GET', `/transactions/${ids[1]}`)
    await page.getByLabel('User', { exact: true }).fill(userId)
    await page.getByLabel('User', { exact: true }).press('Enter')
    await eventually(async () => expect(await shown()).toEqual([ids[1]]))
    expect(new URL(page.url()).search).toBe(`?order=desc&type=topup&userId=${userId}`)
    await page.reload()
    await eventually(async () => expect(await shown()).toEqual([ids[1]]))
    await page.getByText('Has $0.00, the first request').waitFor()
    await page.getByLabel('Amount from').fill('10.01')
    await page.getByLabel('Amount from').press('Enter')
    await page.getByText('Nothing matches').waitFor()
    expect(new URL(page.url()).searchParams.get('currency')).toBe('USD')
    await page.goBack()
    await eventually(async () => expect(await shown()).toEqual([ids[1]]))
    await page.getByLabel('Waits').selectOption('24')
    await page.getByText('Nothing matches').waitFor()
    await page.goBack()
    await eventually(async () => expect(await shown()).toEqual([ids[1]]))
  })

  test('without the stream the page says so and reads the queue from time to time', async () => {
    const page = await openConsole(site.url)
    await page.getByText('Live', { exact: true }).waitFor()
    await page.route('**/admin/stream*', (route) => route.fulfill({ status: 503, json: {} }))
    await page.reload()
    await page.getByText('Reads every 2 seconds').waitFor()
    const [id] = await several('polled', 10, 1)
    await page.locator(`[data-request="${id}"]`).waitFor()
    await page.unroute('**/admin/stream*')
    await page.getByText('Live', { exact: true }).waitFor()
  })

  test('of 130 that wait the oldest are shown first, a page at a time, and counted', async () => {
    const user = someone('many')
    const ids = cleared([])
    for (let i = 0; i < 130; i++) ids.push(await site.requestTopup(user, i + 1))
    const page = await openConsole(site.url)
    const shown = () =>
      page
        .locator('[data-request]')
        .evaluateAll((cards) => cards.map((card) => card.getAttribute('data-request')))
    const place = page.getByRole('navigation', { name: 'Pages of requests' }).getByRole('status')
    const stands = async (text: string, from: number, to: number) => {
      await eventually(async () => expect(await place.textContent()).toBe(text))
      await eventually(async () => expect(await shown()).toEqual(ids.slice(from, to)))
    }
    await stands('1–50 of 130', 0, 50)
    await expect.poll(() => page.title()).toMatch(/^\(130\)/)
    await page.getByRole('button', { name: 'More' }).click()
    await stands('51–100 of 130', 50, 100)
    await page.getByRole('button', { name: 'More' }).click()
    await stands('101–130 of 130', 100, 130)
    await page.getByRole('button', { name: 'Back' }).click()
    await stands('51–100 of 130', 50, 100)
    // Requests that were decided no longer count.
    await site.call('other-admin', 'PATCH', `/transactions/topup/${ids[0]}/process`, {
      status: 'failed',
    })
    await stands('50–99 of 129', 50, 100)
  })
})

async function middle(button: Locator): Promise<{ x: number; y: number }> {
  // Waits until it takes clicks.
  await button.click({ trial: true })
  const box = await button.boundingBox()
  if (!box) throw new Error('the button is not on the page')
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 }
}

/** Expects every button of the dialog to be completely on the screen. */
async function fits(page: Page): Promise<void> {
  const dialog = page.getByRole('dialog')
  await dialog.waitFor()
  const boxes = await dialog
    .getByRole('button')
    .evaluateAll((buttons) => buttons.map((button) => button.getBoundingClientRect().toJSON()))
  expect(boxes.length).toBeGreaterThan(1)
  for (const { left, right, top, bottom } of boxes) {
    expect(left).toBeGreaterThanOrEqual(0)
    expect(right).toBeLessThanOrEqual(PHONE.width)
    expect(top).toBeGreaterThanOrEqual(0)
    expect(bottom).toBeLessThanOrEqual(PHONE.height)
  }
}
