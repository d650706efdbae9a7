import { expect, test } from 'vitest'
import { describeInBrowser, openConsole, PHONE, visitor } from '../support/web/browser.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

describeInBrowser('the console’s addresses', () => {
  const site = siteOfSuite()
  const pathOf = (url: string) => url.slice(site.url.length)

  test('a search is in the address: back, forward, a reload and a shared link show it again', async () => {
    const user = someone('shared')
    await site.adjust(user, 5)
    await site.adjust(someone('other'), 5)
    const page = await openConsole(site.url, 'users')
    const rows = page.getByRole('row')
    await page.getByRole('link', { name: /^other-/ }).waitFor()
    await page.getByLabel('Search (a part of the user id)').fill(user)
    await page.waitForURL((url) => url.search === `?search=${user}`)
    await rows.nth(1).getByRole('link', { name: user }).click()
    await page.waitForURL(`${site.url}/admin/users/${user}`)
    await page.getByRole('heading', { name: user }).waitFor()
    await expect.poll(() => page.title()).toBe('User · Console · Livebalance')

    await page.goBack()
    await page.getByRole('link', { name: user }).waitFor()
    await expect
      .poll(() => page.getByLabel('Search (a part of the user id)').inputValue())
      .toBe(user)
    await expect.poll(() => page.getByRole('link', { name: /^other-/ }).count()).toBe(0)
    await page.goForward()
    await page.getByRole('heading', { name: user }).waitFor()
    await page.goBack()
    await page.reload()
    await page.getByRole('link', { name: user }).waitFor()
    await expect
      .poll(() => page.getByLabel('Search (a part of the user id)').inputValue())
      .toBe(user)

    const another = await (await visitor({ sub: 'admin', admin: true })).open(page.url())
    await another.getByRole('link', { name: user }).waitFor()
    await expect
      .poll(() => another.getByLabel('Search (a part of the user id)').inputValue())
      .toBe(user)
  })

  test('links of earlier versions lead to the same screens', async () => {
    const user = someone('earlier')
    await site.adjust(user, 5)
    const page = await openConsole(site.url)
    for (const [old, now, heading] of [
      ['', '/admin/requests', 'Pending requests'],
      ['#/users', '/admin/users', 'Users'],
      [`#/users/${user}`, `/admin/users/${user}`, user],
      ['#/nothing/here', '/admin/nothing/here', undefined],
    ] as const) {
      await page.goto('about:blank')
      await page.goto(`${site.url}/admin${old}`)
      await page.waitForURL(site.url + now)
      if (heading) await page.getByRole('heading', { name: heading }).waitFor()
      else await page.getByText('There is no such page').waitFor()
    }
  })

  test('a click with a modifier opens a tab, and one without loads nothing anew', async () => {
    const page = await openConsole(site.url)
    const users = page
      .getByRole('navigation', { name: 'Console' })
      .getByRole('link', { name: 'Users' })
    const [tab] = await Promise.all([
      page.context().waitForEvent('page'),
      users.click({ modifiers: ['ControlOrMeta'] }),
    ])
    await tab.getByRole('heading', { name: 'Users' }).waitFor()
    expect(pathOf(page.url())).toBe('/admin/requests')
    // One that stays loads nothing anew.
    await page.evaluate(() => Object.assign(window, { same: true }))
    await users.click()
    await page.getByRole('heading', { name: 'Users' }).waitFor()
    await expect.poll(() => page.evaluate(() => 'same' in window)).toBe(true)
    await expect
      .poll(() => page.locator('#main').evaluate((main) => main === document.activeElement))
      .toBe(true)
  })

  test('on a phone the screens are behind a button, also for the keyboard', async () => {
    const page = await openConsole(site.url, 'audit')
    await page.setViewportSize(PHONE)
    const menu = page.getByRole('button', { name: /^Audit.*all screens/ })
    const nav = page.getByRole('navigation', { name: 'Console' })
    await expect.poll(() => nav.getByRole('link').count()).toBe(0)
    await menu.press('Enter')
    await nav.getByRole('link', { name: 'Audit' }).and(page.locator('[aria-current]')).waitFor()
    await page.keyboard.press('Escape')
    await expect.poll(() => nav.getByRole('link').count()).toBe(0)
    await expect.poll(() => menu.evaluate((it) => it === document.activeElement)).toBe(true)
    await menu.click()
    await nav.getByRole('link', { name: 'System' }).click()
    await page.getByRole('heading', { name: 'System' }).waitFor()
    await expect.poll(() => nav.getByRole('link').count()).toBe(0)
    await page.getByRole('button', { name: /^System.*all screens/ }).waitFor()
  })

  test('a screen that cannot be loaded says so, and the others still open', async () => {
    const page = await openConsole(site.url)
    await page.getByText('Nothing is waiting').waitFor()
    await page.route('**/assets/*.js', (route) => route.abort())
    const nav = page.getByRole('navigation', { name: 'Console' })
    await nav.getByRole('link', { name: 'System' }).click()
    await page.getByText('This screen could not be loaded.').waitFor()
    await nav.getByRole('link', { name: 'Requests' }).click()
    await page.getByText('Nothing is waiting').waitFor()
    await page.unroute('**/assets/*.js')
    await nav.getByRole('link', { name: 'System' }).click()
    await page.getByRole('region', { name: 'Payments' }).waitFor()
  })
})
