import { afterAll, beforeAll, expect, test } from 'vitest'
import { newVapidKeys } from '../../src/lib/vapid.ts'
import { connect, type Sql } from '../../src/postgres/database.ts'
import { eventually } from '../support/index.ts'
import { DESKTOP, describeInBrowser, PHONE, visitor } from '../support/web/browser.ts'
import { LAYOUTS, look } from '../support/web/look.ts'
import { isLive } from '../support/web/on-page.ts'
import { startPhone } from '../support/web/phone.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

const { publicKey, privateKey } = newVapidKeys()

describeInBrowser('notifications', () => {
  const site = siteOfSuite({
    VAPID_PUBLIC_KEY: publicKey,
    VAPID_PRIVATE_KEY: privateKey,
    VAPID_SUBJECT: 'mailto:ops@example.com',
    WEBHOOK_ALLOW_PRIVATE: 'true',
  })

  let sql: Sql
  beforeAll(() => {
    sql = connect(site.database.ownerUrl, { max: 1 })
  })
  afterAll(() => sql?.end())

  const pagesThatShow = (count: number) =>
    eventually(async () => expect(await sql`select from push_visible`).toHaveLength(count))

  test('come to the phone while no wallet is open, once for a change, and open the wallet', async () => {
    const user = someone('ann')
    const phone = await startPhone(site, { sub: user })
    const wallet = await phone.open()
    await wallet.setViewportSize(PHONE)
    const card = wallet.getByRole('region', { name: 'Notifications', exact: true })
    await card.getByRole('button', { name: 'Turn on' }).click()
    await card.getByText('On for this device').waitFor()

    // While the user sees the wallet, the server sends nothing.
    await pagesThatShow(1)
    await site.adjust(user, 10)
    await wallet.getByText('Adjustment of $10.00').first().waitFor()
    // What is closed before the server has come to the change may be told once more.
    await eventually(async () => {
      expect(
        await sql`select from push_devices where acked_seq > 0 and next_attempt_at is null`,
      ).toHaveLength(1)
    })
    await wallet.close()
    await pagesThatShow(0)
    expect(phone.service.pushed).toEqual([])

    await site.adjust(user, 25)
    await eventually(async () => expect(await phone.receive()).toBe(1))
    await eventually(async () =>
      expect(await phone.shown()).toEqual([
        {
          ...{ title: '+$25.00', body: 'Balance: $35.00', lang: 'en' },
          tag: expect.stringMatching(/:3$/),
        },
      ]),
    )
    expect(phone.service.pushed[0]).toMatchObject({ publicKey, message: { kind: 'change' } })

    expect(await phone.click()).toEqual({ opened: '/' })
    await eventually(async () => expect(await phone.shown()).toEqual([]))
  })

  test('are not shown where the wallet is visible, however the message came, and lead to a wallet that is open', async () => {
    const user = someone('bea')
    const phone = await startPhone(site, { sub: user })
    const wallet = await phone.open()
    await wallet.getByRole('button', { name: 'Turn on' }).click()
    await wallet.getByText('On for this device').waitFor()
    // As if the server did not know of the page, which has told it by now.
    await pagesThatShow(1)
    await wallet.route('**/balance/push/visible', (route) => route.abort())
    await sql`delete from push_visible`
    await site.adjust(user, 10)
    await eventually(async () => expect(await phone.receive()).toBe(1))
    await isLive(wallet)
    await wallet.close()
    await site.adjust(user, 20)
    await eventually(async () => expect(await phone.receive()).toBe(1))
    // The second one is there, so the first one was dealt with before.
    await eventually(async () =>
      expect((await phone.shown()).map(({ title }) => title)).toEqual(['+$20.00']),
    )
    // Another window of the site was used last.
    const again = await phone.open()
    await isLive(again)
    await (await phone.context.newPage()).goto(`${site.url}/openapi.json`)
    expect(await phone.click()).toEqual({ focused: again.url() })
    await eventually(async () => expect(await phone.shown()).toEqual([]))
  })

  test('are what the user wants them to be, on each device', async () => {
    const user = someone('cem')
    await site.adjust(user, 1000)
    const phone = await startPhone(site, { sub: user })
    const wallet = await phone.open()
    const turnOn = () => wallet.getByRole('button', { name: 'Turn on' }).click()
    await turnOn()
    await wallet.getByText('On for this device').waitFor()
    await wallet.getByLabel('Show amounts in the notifications').uncheck()
    await wallet.getByLabel('From this change in USD').fill('lots')
    await wallet.getByRole('button', { name: 'Save' }).click()
    await wallet.getByText('Enter an amount such as').waitFor()
    await wallet.getByLabel('From this change in USD').fill('50')
    await wallet.getByLabel('Payments that were declined').uncheck()
    await wallet.getByLabel('A low balance').check()
    await wallet.getByLabel('Below this in USD').fill('900')
    await wallet.getByLabel('Quiet hours').check()
    await wallet
      .getByRole('group', { name: 'Quiet hours' })
      .getByLabel('From', { exact: true })
      .fill('23:30')
    await wallet.getByRole('button', { name: 'Save' }).click()
    const saved = () => site.call(user, 'GET', '/balance/push')
    await eventually(async () => {
      expect(await saved()).toMatchObject({
        items: [{ label: 'Chrome on Linux', figures: false }],
        rules: {
          changes: { on: true, atLeast: [{ currency: 'USD', amount: 50 }] },
          lowBalance: { on: true, below: [{ currency: 'USD', amount: 900 }] },
          paymentFailed: { on: false },
          topups: { on: true },
        },
        quietHours: { from: '23:30', to: '07:00', timeZone: 'UTC' },
      })
    })
    for (const [language, size] of [
      ['de', DESKTOP],
      ['vi', PHONE],
      ['', DESKTOP],
    ] as const) {
      await wallet.locator('.section select').first().selectOption(language)
      const layouts = LAYOUTS.filter((layout) => layout.size === size)
      await look(wallet, `wallet-notifications-${language || 'en'}`, layouts)
    }
    // It is the same device after a reload, and none once it is turned off.
    await wallet.reload()
    await wallet.getByText('This device', { exact: true }).waitFor()
    await wallet.getByRole('button', { name: 'Turn off' }).click()
    await wallet.getByRole('button', { name: 'Turn on' }).waitFor()
    expect((await saved()).items).toEqual([])
    // Whoever signs out gets none either: the subscription has ended.
    await turnOn()
    await wallet.getByText('On for this device').waitFor()
    await wallet.getByRole('button', { name: 'Sign out' }).first().click()
    await eventually(async () =>
      expect(await wallet.evaluate(() => localStorage.getItem('subscribed'))).toBeNull(),
    )
  })

  test('that the user has blocked are explained', async () => {
    const { open, context } = await visitor({ sub: someone('dia') })
    await context.addInitScript(() => {
      Object.defineProperty(Notification, 'permission', { get: () => 'denied' })
    })
    const wallet = await open(`${site.url}/?view=settings`)
    await wallet.getByText('You have blocked notifications for this site').waitFor()
    await expect.poll(() => wallet.getByRole('button', { name: 'Turn on' }).count()).toBe(0)
  })

  test('the wallet can be installed', async () => {
    const { open } = await visitor({ sub: someone('eva') })
    const wallet = await open(site.url)
    const cdp = await wallet.context().newCDPSession(wallet)
    await eventually(async () => {
      const { url, errors, data } = await cdp.send('Page.getAppManifest')
      expect([url, errors]).toEqual([`${site.url}/manifest.webmanifest`, []])
      expect(JSON.parse(data ?? '')).toMatchObject({ display: 'standalone', start_url: '/' })
    })
    const { installabilityErrors } = await cdp.send('Page.getInstallabilityErrors')
    // A private window, as every context of a test is, installs nothing.
    expect(
      installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito'),
    ).toEqual([])
  })
})
