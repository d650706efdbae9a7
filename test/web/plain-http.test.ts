import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bundleWeb } from '../../web/bundle.ts'
import { eventually } from '../support/index.ts'
import { describeInBrowser, FOREIGN_NAME, visitor } from '../support/web/browser.ts'
import { isLive, showsBalance } from '../support/web/on-page.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

describeInBrowser('over plain http, by another name than localhost', () => {
  const site = siteOfSuite()
  const url = () => `http://${FOREIGN_NAME}:${site.port}`

  test('the wallet asks for money, the console gives it, and the wallet pays', async () => {
    const user = someone('alice')
    const customer = await visitor({ sub: user })
    const wallet = await customer.open(url())
    const desk = await (await visitor({ sub: 'admin', admin: true })).open(`${url()}/admin`)
    await expect.poll(() => wallet.evaluate(() => isSecureContext)).toBe(false)
    await expect.poll(() => desk.evaluate(() => isSecureContext)).toBe(false)
    // Without Web Locks each tab has its own connection.
    const second = await customer.open(url())
    for (const tab of [wallet, second]) {
      await expect.poll(() => isLive(tab)).toEqual({ transport: 'websocket', tab: 'alone' })
    }

    await wallet.getByLabel('Amount to add').fill('150.50')
    await wallet.getByRole('button', { name: 'Request topup' }).click()
    await desk.getByRole('button', { name: `Approve $150.50 for ${user}` }).click()
    await showsBalance(wallet, '$150.50')

    await wallet.getByRole('tab', { name: 'Pay' }).click()
    await wallet.getByLabel('Amount to pay').fill('50.50')
    await wallet.getByRole('button', { name: 'Pay now' }).click()
    await showsBalance(wallet, '$100.00')
    await showsBalance(second, '$100.00')
  })

  test('the console refunds and adjusts', async () => {
    const user = someone('bella')
    await site.adjust(user, 100)
    await site.call(user, 'POST', '/transactions', { type: 'booking_payment', amount: 80 })
    const desk = await (await visitor({ sub: 'admin', admin: true })).open(
      `${url()}/admin/users/${user}`,
    )
    const balance = async () => (await site.call(user, 'GET', '/transactions/balance')).balance
    const dialog = desk.getByRole('dialog')
    await desk.getByRole('button', { name: 'Refund $80.00' }).click()
    await dialog.getByRole('button', { name: 'Refund' }).click()
    await eventually(async () => expect(await balance()).toBe(100))
    await dialog.waitFor({ state: 'detached' })

    await desk.getByRole('button', { name: 'Adjust balance' }).click()
    await dialog.getByLabel('Amount').fill('-20')
    await dialog.getByLabel('Reason').fill('Charged back')
    await dialog.getByRole('button', { name: 'Adjust' }).click()
    await eventually(async () => expect(await balance()).toBe(80))
  })
})

/** Features that need a secure context, from MDN. So does `locks`, but the pages work without it, as tested above. */
const SECURE_ONLY =
  /\b(randomUUID|subtle|clipboard|serviceWorker|caches|cookieStore|showSaveFilePicker|showOpenFilePicker|mediaDevices|wakeLock|geolocation|PaymentRequest|PushManager|requestPermission)\b/g

const PUSH = new Set(['serviceWorker', 'PushManager', 'requestPermission'])

test('neither the pages nor the client library use what plain http does not have', async () => {
  const pages = [...(await bundleWeb())].filter(([name]) => name.endsWith('.js'))
  const folder = join(import.meta.dirname, '../../src/client')
  const client = await Promise.all(
    (await readdir(folder, { recursive: true }))
      .filter((name) => name.endsWith('.ts'))
      .map(async (name) => {
        const source = await readFile(join(folder, name), 'utf8')
        return [name, source.replace(/^ *(\/\/|\/?\*).*$/gm, '')] as const
      }),
  )
  const texts = [
    ...pages.map(([name, bytes]) => [name, new TextDecoder().decode(bytes)] as const),
    ...client,
  ]
  // Push notifications work nowhere else. The part that has them asks first, and says why there are none.
  const isOfPush = (word: string, text: string) =>
    PUSH.has(word) && /\WserviceWorker\W *in *navigator/.test(text)
  const found = texts.flatMap(([name, text]) =>
    [...text.matchAll(SECURE_ONLY)]
      .filter(([word]) => !isOfPush(word, text))
      .map(([word]) => `${name}: ${word}`),
  )
  expect(found).toEqual([])
})
