import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { eventually } from '../support/index.ts'
import { describeInBrowser, visitor } from '../support/web/browser.ts'
import { isLive, showsBalance } from '../support/web/on-page.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

const SEND = '**/transactions/transfer'

async function fill(page: Page, to: string, amount: string): Promise<void> {
  await page.getByLabel('To', { exact: false }).first().fill(to)
  await page.getByLabel('Amount to send').fill(amount)
  await page.getByRole('button', { name: 'Continue' }).click()
}

describeInBrowser('sending money', () => {
  const site = siteOfSuite()
  const transfers = async (user: string) =>
    (await site.call(user, 'GET', '/transactions/my-transactions?type=transfer')).items

  test('is asked about first, arrives on the receiver’s open page, and leaves a receipt', async () => {
    const [user, friend] = [someone('anna'), someone('ben')]
    await site.adjust(user, 100)
    await site.adjust(friend, 1)
    const theirs = await (await visitor({ sub: friend })).open(site.url)
    await isLive(theirs)
    const mine = await (await visitor({ sub: user })).open(`${site.url}/?view=send`)
    await isLive(mine)

    await fill(mine, friend, '12.50')
    const dialog = mine.getByRole('dialog', { name: 'Send $12.50?' })
    await dialog.getByText(`${friend} gets $12.50 at once.`).waitFor()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await expect.poll(() => transfers(user)).toEqual([])

    await mine.getByRole('button', { name: 'Continue' }).click()
    await dialog.getByRole('button', { name: 'Send now' }).click()
    await mine.getByText(`$12.50 sent to ${friend}.`).waitFor()
    await showsBalance(theirs, '$13.50')
    await eventually(async () =>
      expect(await mine.getByTestId('funds').textContent()).toBe('$87.50'),
    )

    await mine.getByRole('link', { name: 'Overview' }).click()
    await mine.getByRole('link', { name: 'Receipt: Transfer -$12.50' }).click()
    const receipt = mine.getByRole('article', { name: 'Receipt' })
    for (const text of [`${user} (you)`, friend, 'Completed', '$87.50']) {
      await receipt.getByText(text, { exact: true }).waitFor()
    }
    const [{ id }] = await transfers(user)
    await receipt.getByText(id).waitFor()
  })

  test('without an answer it says so, also after a reload, and the next attempt sends it only once', async () => {
    const [user, friend] = [someone('carl'), someone('dora')]
    await site.adjust(user, 50)
    await site.adjust(friend, 1)
    const { open, context } = await visitor({ sub: user })
    const page = await open(`${site.url}/?view=send`)
    await isLive(page)
    const keys: (string | undefined)[] = []
    page.on('request', (request) => {
      if (request.url().endsWith('/transfer')) keys.push(request.headers()['idempotency-key'])
    })
    // The server gets it and does it. Its answer is lost.
    await context.route(SEND, async (route) => {
      await route.fetch()
      await route.abort()
    })
    await fill(page, friend, '20')
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Send now' }).click()
    await dialog.getByText('Not known yet').waitFor()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await page.getByTestId('unanswered').waitFor()
    await expect.poll(() => page.getByRole('button', { name: 'Continue' }).count()).toBe(0)

    await page.reload()
    await page.getByTestId('unanswered').getByText('Send $20.00?').waitFor()
    await page.getByRole('link', { name: 'Holds' }).click()
    await page.getByRole('link', { name: 'Send' }).click()
    await context.unroute(SEND)
    await page.getByRole('button', { name: 'Try again safely' }).click()
    await page.getByRole('dialog').getByText(`${friend} gets $20.00`).waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Try again safely' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.getByTestId('unanswered').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Continue' }).waitFor()

    await expect.poll(() => transfers(user)).toHaveLength(1)
    expect(keys).toHaveLength(2)
    expect(new Set(keys).size).toBe(1)
  })

  test('a payment or a topup without an answer is not made twice either', async () => {
    const user = someone('gina')
    await site.adjust(user, 50)
    const { open, context } = await visitor({ sub: user })
    const page = await open(site.url)
    await isLive(page)
    const lost = page.getByTestId('unanswered')
    // The server gets them and does them. Their answers are lost.
    for (const path of ['**/transactions', '**/transactions/topup']) {
      await context.route(path, async (route) => {
        if (route.request().method() !== 'POST') return route.fallback()
        await route.fetch()
        await route.abort()
      })
    }
    await page.getByLabel('Amount to add').fill('30')
    await page.getByRole('button', { name: 'Request topup' }).click()
    await lost.getByText('Add money: $30.00.').waitFor()
    await page.getByRole('tab', { name: 'Pay' }).click()
    await page.getByLabel('Amount to pay').fill('20')
    await page.getByRole('button', { name: 'Pay now' }).click()
    await lost.getByText('Pay: $20.00.').waitFor()

    await page.reload()
    await context.unroute('**/transactions')
    await context.unroute('**/transactions/topup')
    await lost.getByText('Add money: $30.00.').waitFor()
    await expect.poll(() => page.getByRole('button', { name: 'Request topup' }).count()).toBe(0)
    await page.getByRole('button', { name: 'Try again safely' }).click()
    await page.getByRole('button', { name: 'Request topup' }).waitFor()
    await page.getByRole('tab', { name: 'Pay' }).click()
    await lost.getByText('Pay: $20.00.').waitFor()
    await page.getByRole('button', { name: 'Try again safely' }).click()
    await page.getByText('$20.00 paid.').waitFor()
    for (const type of ['booking_payment', 'topup']) {
      const made = await site.call(user, 'GET', `/transactions/my-transactions?type=${type}`)
      expect([type, made.items.length]).toEqual([type, 1])
    }
  })

  test('what the ledger refuses is said in the reader’s language, and can be sent again later', async () => {
    const [user, friend] = [someone('emil'), someone('frida')]
    await site.adjust(user, 2_000)
    await site.adjust(friend, 1)
    const limit = { userId: user, type: 'transfer', maxAmount: 1_234.5 }
    await site.call('admin', 'PUT', '/transactions/limits', limit)
    const { open } = await visitor({ sub: user, locale: 'de-DE' })
    const page = await open(`${site.url}/?view=send`)
    await isLive(page)
    await page.getByRole('button', { name: 'Weiter' }).click()
    await page.getByText('Geben Sie die Nutzer-ID des Empfängers ein.').waitFor()
    await page.getByText('Geben Sie einen Betrag ein.').waitFor()
    await page.getByLabel('An', { exact: false }).first().fill(friend)
    await page.getByLabel('Zu sendender Betrag').fill('1.500,00')
    await page.getByRole('button', { name: 'Weiter' }).click()
    const dialog = page.getByRole('dialog', { name: /^1\.500,00\s\$ senden\?$/ })
    await dialog.getByRole('button', { name: 'Jetzt senden' }).click()
    await dialog.getByText(/Ein Ausgabenlimit erlaubt jetzt höchstens 1\.234,50\s\$\./).waitFor()

    await site.call('admin', 'DELETE', `/transactions/limits?userId=${user}&type=transfer`)
    await dialog.getByRole('button', { name: 'Jetzt senden' }).click()
    await page.getByText(/1\.500,00\s\$ an frida-\w+ gesendet\./).waitFor()
    await expect.poll(() => transfers(user)).toHaveLength(1)
    // Also of a link that was cut off.
    await page.goto(`${site.url}/?view=receipt&id=01a229ea-7322`)
    await page.getByRole('alert').getByText('Das gibt es nicht oder nicht mehr.').waitFor()
  })
})
