import type { Locator, Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { eventually } from '../support/index.ts'
import { describeInBrowser, openConsole, PHONE } from '../support/web/browser.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

/** The longest ids of identity providers. */
const LONG = `auth0:${'0123456789abcdef'.repeat(6)}`.slice(0, 97)

describeInBrowser('deciding in the console’s queue', () => {
  const site = siteOfSuite()
  const several = async (name: string, amount = 10) => {
    const ids: string[] = []
    for (let i = 0; i < 4; i++) ids.push(await site.requestTopup(someone(name), amount))
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
  const clear = async (ids: string[]) => {
    for (const id of ids) {
      await site
        .call('admin', 'PATCH', `/transactions/topup/${id}/process`, { status: 'failed' })
        .catch(() => {})
    }
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
      // Waits until the page has read the queue once more.
      await page.waitForResponse(/admin\/requests/)
      expect(sent).toHaveLength(1)
      expect(await statuses(ids)).toEqual(['success', 'pending', 'pending', 'pending'])
      await clear(ids)
    },
  )

  test('a decision stays in its place, also one that another admin made, and nothing scrolls', async () => {
    const ids = [
      ...(await several('still')),
      ...(await several('still')),
      ...(await several('still')),
    ]
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
    expect(await outcome(page, ids[8]).evaluate((card) => card === document.activeElement)).toBe(
      true,
    )
    expect(await page.evaluate(() => scrollY)).toBe(scrolled)
    const after = await middle(third)
    // Less than half a button, so the pointer is still on the same button.
    expect(Math.abs(after.y - before.y)).toBeLessThan(20)
    await clear(ids)
  })

  test('a button that slides takes no click until it has stood still', async () => {
    const ids = await several('slide')
    const page = await openConsole(site.url)
    await approveOf(page, ids[0]).click()
    await outcome(page, ids[0]).waitFor()
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
    await clear(ids)
  })

  test('a large amount is asked about again, and a double click is no answer', async () => {
    const ids = await several('large', 5_000)
    const page = await openConsole(site.url)
    const { x, y } = await middle(approveOf(page, ids[0]))
    await page.mouse.dblclick(x, y)
    const dialog = page.getByRole('dialog')
    await dialog.getByText(/^Approve \$5,000\.00 for large-/).waitFor()
    expect(await statuses(ids)).toEqual(['pending', 'pending', 'pending', 'pending'])
    await dialog.getByRole('button', { name: 'Approve $5,000.00' }).click()
    await outcome(page, ids[0]).waitFor()
    expect(await statuses(ids)).toEqual(['success', 'pending', 'pending', 'pending'])
    await clear(ids)
  })

  test('dialogs and cards fit on a phone, however long the user’s id is', async () => {
    const id = await site.requestTopup(LONG, 5_000)
    await site.adjust(LONG, 50)
    const pay = { type: 'booking_payment', amount: 20, description: 'A night' }
    await site.call(LONG, 'POST', '/transactions', pay)
    const page = await openConsole(site.url)
    await page.setViewportSize(PHONE)
    await approveOf(page, id).click()
    await fits(page)
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()

    await page.goto(`${site.url}/admin#/users/${encodeURIComponent(LONG)}`)
    for (const name of ['Adjust balance', 'Refund $20.00']) {
      await page.getByRole('button', { name }).click()
      await fits(page)
      await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
    }
    await clear([id])
  })

  test('of 130 that wait the oldest are shown first, a page at a time, and counted', async () => {
    const user = someone('many')
    const ids: string[] = []
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
    expect(await page.title()).toMatch(/^\(130\)/)
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
