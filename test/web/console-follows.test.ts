import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { startReceiver } from '../support/deliveries/receiver.ts'
import { eventually } from '../support/index.ts'
import { describeInBrowser, openConsole, visitor } from '../support/web/browser.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

/** More than one read every two seconds would be seen in it. */
const QUIET_MS = 4_000

/** What the page has read, and how much of that has no answer yet. */
interface Asked {
  reads: string[]
  open: number
}

/** Counts in the page itself, so that nothing is still on its way to the test. */
function countReads(): void {
  const asked: Asked = { reads: [], open: 0 }
  const { fetch } = globalThis
  globalThis.fetch = async (...args) => {
    const { pathname } = new URL(String(args[0]), location.href)
    if (!/^\/(transactions|admin)\//.test(pathname) || pathname === '/admin/stream') {
      return fetch(...args)
    }
    asked.reads.push(pathname)
    asked.open += 1
    return fetch(...args).finally(() => {
      asked.open -= 1
    })
  }
  Object.assign(globalThis, { asked })
}

const askedBy = (page: Page) =>
  page.evaluate(() => (globalThis as unknown as { asked: Asked }).asked)

describeInBrowser('screens of the console that follow the stream of admins', () => {
  const site = siteOfSuite({ WEBHOOK_ALLOW_PRIVATE: 'true' })

  /** A screen whose clock the test moves, once it has stopped reading by itself. */
  async function quietScreen(route: string, role: 'admin' | 'operator' = 'admin') {
    const { context } = await visitor({ sub: role, roles: [role] })
    await context.addInitScript(countReads)
    const page = await context.newPage()
    await page.clock.install()
    await page.goto(`${site.url}/admin/${route}`)
    await page.getByRole('heading', { level: 1 }).waitFor()
    await page.clock.pauseAt((await page.evaluate(() => Date.now())) + 3_000)
    await eventually(async () => {
      for (let times = 0; times < 2; times++) {
        const { reads, open } = await askedBy(page)
        expect(open).toBe(0)
        await page.clock.runFor(QUIET_MS)
        expect((await askedBy(page)).reads.slice(reads.length)).toEqual([])
      }
    })
    return page
  }

  /** Lets the page's clock go on until it is so. */
  const becomes = (page: Page, assertion: () => Promise<void>) =>
    eventually(async () => {
      await page.clock.runFor(50)
      await assertion()
    })

  test('a user’s screen reads when something of that user happens, and only then', async () => {
    const [user, other] = [someone('ursula'), someone('otto')]
    await site.adjust(user, 5)
    const page = await quietScreen(`users/${user}`)
    const balance = page.getByRole('region', { name: 'Balance' })
    await site.adjust(user, 2)
    await becomes(page, async () => expect(await balance.textContent()).toContain('$7.00'))
    const row = page.getByRole('row', { name: /Topup.*Pending/ })
    await site.requestTopup(user, 40)
    await becomes(page, async () => expect(await row.count()).toBe(1))
    await site.call('admin', 'POST', `/transactions/wallets/${user}/freeze`, { debits: true })
    const freeze = page.getByRole('region', { name: 'Freeze' })
    await becomes(page, async () => expect(await freeze.count()).toBe(1))

    // The queue is counted on every screen.
    const own = async () => (await askedBy(page)).reads.filter((path) => path !== '/admin/requests')
    await page.clock.runFor(1_500)
    const before = (await own()).length
    await site.adjust(other, 1)
    await site.requestTopup(other, 1)
    const counted = page.getByRole('link', { name: /^Requests.*2/ })
    await becomes(page, async () => expect(await counted.count()).toBe(1))
    expect((await own()).slice(before)).toEqual([])
  })

  test('a read that failed is made again within seconds, also while the stream is live', async () => {
    const user = someone('lost')
    const page = await quietScreen('requests')
    await page.route('**/admin/requests*', (route) => route.abort())
    const id = await site.requestTopup(user, 40)
    const failure = page.getByRole('alert')
    await becomes(page, async () => expect(await failure.count()).toBe(1))
    await page.unroute('**/admin/requests*')
    await page.clock.runFor(6_000)
    const row = page.locator(`[data-request="${id}"]`)
    await eventually(async () => {
      // For its frames. The clock all but stands.
      await page.clock.runFor(1)
      expect([await row.count(), await failure.count()]).toEqual([1, 0])
    })
  })

  test('webhooks and their deliveries are read when one was changed, or something was sent', async () => {
    const [receiver, user] = [await startReceiver(), someone('wim')]
    receiver.behave(() => ({ status: 500 }))
    const { id } = await site.call('admin', 'POST', '/admin/webhooks', { url: receiver.url })
    const page = await quietScreen(`webhooks/${id}`)
    await site.adjust(user, 5)
    const failing = page.getByRole('region', { name: 'Events that fail' })
    await becomes(page, async () =>
      expect(await failing.allTextContents()).toMatchObject([
        expect.stringContaining('status 500'),
      ]),
    )
    await site.call('other-admin', 'PATCH', `/admin/webhooks/${id}`, { paused: true })
    const paused = page.getByText('Paused', { exact: true })
    await becomes(page, async () => expect(await paused.count()).toBe(1))
  })

  test('the system’s state comes by itself: all of it to an operator, to an admin the tenant’s', async () => {
    const own = await quietScreen('system')
    const connections = own.getByRole('region', { name: 'Connections' }).locator('.number')
    const before = Number(await connections.textContent())
    expect(before).toBeGreaterThan(0)
    await expect.poll(() => own.getByText('Money can move.').count()).toBe(1)
    await expect.poll(() => own.getByRole('region', { name: 'Processes' }).count()).toBe(0)

    const whole = await quietScreen('system', 'operator')
    await expect.poll(() => whole.getByRole('region', { name: 'Processes' }).count()).toBe(1)
    const wallet = await (await visitor({ sub: someone('wilma') })).open(site.url)
    await wallet.getByTestId('balance').waitFor()
    // Those of the operator's screen, and the wallet's.
    await becomes(own, async () =>
      expect(Number(await connections.textContent())).toBeGreaterThan(before + 1),
    )
  })

  test('a wallet that is frozen or unfrozen is told on every screen', async () => {
    const user = someone('frida')
    await site.adjust(user, 1)
    const page = await openConsole(site.url)
    await page.getByText('Live', { exact: true }).waitFor()
    const path = `/transactions/wallets/${user}/freeze`
    await site.call('other-admin', 'POST', path, { debits: true })
    const toasts = page.getByRole('region', { name: 'Messages' })
    await toasts.getByText(`The wallet of ${user} was frozen`).waitFor()
    await toasts.getByText('No money leaves it.').waitFor()
    await site.call('other-admin', 'DELETE', path)
    await toasts.getByText(`The wallet of ${user} was unfrozen`).waitFor()
  })

  test('the place in a user’s statement is in the address: a reload and the way back keep it', async () => {
    const user = someone('stella')
    for (let i = 1; i <= 12; i++) await site.adjust(user, i)
    await site.requestTopup(user, 7)
    const page = await openConsole(site.url, `users/${user}`)
    const rows = page.getByRole('table').getByRole('row')
    const shows = (count: number) => eventually(async () => expect(await rows.count()).toBe(count))
    await shows(11)
    await page.getByLabel('Type').selectOption('Adjustment')
    await shows(11)
    await page.getByRole('button', { name: 'Older' }).click()
    await shows(3)
    expect(new URL(page.url()).search).toMatch(/^\?type=admin_adjustment&page=[^&]+$/)
    await page.reload()
    await shows(3)
    await expect.poll(() => page.getByLabel('Type').inputValue()).toBe('admin_adjustment')

    await rows.nth(1).getByRole('link').click()
    await page.getByRole('heading', { level: 1, name: /^Adjustment of/ }).waitFor()
    await page.goBack()
    await shows(3)
    await page.goBack()
    await shows(11)
    await page.getByRole('button', { name: 'Clear' }).click()
    await page.getByRole('row', { name: /Topup/ }).waitFor()
    expect(new URL(page.url()).search).toBe('')

    // Typed by hand.
    await page.goto(`${site.url}/admin/users/${user}?from=soon&type=topup`)
    await shows(2)
  })
})
