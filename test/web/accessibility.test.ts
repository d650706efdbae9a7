import type { Locator } from 'playwright-core'
import { expect, test } from 'vitest'
import { eventually } from '../support/index.ts'
import { describeInBrowser, PHONE, visitor } from '../support/web/browser.ts'
import { isLive } from '../support/web/on-page.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

describeInBrowser('the pages by keyboard, in forced colours, on a phone and on a slow line', () => {
  const site = siteOfSuite()

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
    // The range may still be loading. Until then the line starts a day ago, at zero.
    await eventually(async () => {
      await wallet.keyboard.press('Home')
      expect(await value()).toMatch(/^\$60\.00/)
    })
    await wallet.keyboard.press('ArrowRight')
    await expect.poll(() => value()).toMatch(/^\$(100|75)\.00/)
    await wallet.locator('.axis').getByText('$0.00').waitFor()
    // A new highest balance.
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
      await expect.poll(() => coloursOf(chosen)).toEqual(system)
      await expect.poll(() => coloursOf(other)).not.toEqual(system)
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
        // A page waits for the script of its theme before it shows anything, as for its style.
        /assets\/(?!appearance).*\.js$|session\.json$|\/(transactions|admin)\//,
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
      // Each placeholder is awaited while the answer that replaces it is held back.
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
})
