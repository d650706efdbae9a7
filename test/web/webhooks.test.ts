import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { verifyWebhook, type WebhookEvent } from '../../src/server-sdk/index.ts'
import { eventually } from '../support/index.ts'
import { describeInBrowser, openConsole } from '../support/web/browser.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

interface Receiver {
  url: string
  /** Of its answers. */
  status: number
  /** The events that were signed with `secret`. */
  events: WebhookEvent[]
  secret: string
}

/** A program that takes deliveries. It ends with the test. */
async function startReceiver(): Promise<Receiver> {
  const receiver: Receiver = { url: '', status: 204, events: [], secret: '' }
  const server = createServer(async (request, response) => {
    const event = await verifyWebhook(await text(request), request.headers, receiver.secret)
    receiver.events.push(event)
    response.writeHead(receiver.status).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`
  return receiver
}

describeInBrowser('the webhooks of the console', () => {
  const site = siteOfSuite({ WEBHOOK_ALLOW_PRIVATE: 'true' })

  test('one is added, tested, seen to fail and to recover, paused and deleted', async () => {
    const [receiver, user] = [await startReceiver(), someone('wanda')]
    const page = await openConsole(site.url, 'webhooks')
    await page.getByText('No webhooks yet').waitFor()
    await page.getByRole('button', { name: 'Add webhook' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Add', exact: true }).click()
    await dialog.getByText('Enter the URL that takes the events.').waitFor()
    await dialog.getByLabel('URL').fill(receiver.url)
    await dialog.getByLabel(/balance_updated/).check()
    await expect.poll(() => dialog.getByLabel('All events').isChecked()).toBe(false)
    await dialog.getByRole('button', { name: 'Add', exact: true }).click()
    const secret = page.getByRole('region', { name: 'Secret' })
    receiver.secret = (await secret.locator('code').textContent()) ?? ''
    await secret.getByRole('button', { name: 'Copy' }).click()
    await secret.getByRole('button', { name: 'Copied' }).waitFor()
    await secret.getByRole('button', { name: 'I have kept it' }).click()
    await expect.poll(() => page.getByText('whsec_').count()).toBe(0)

    await page.getByRole('link', { name: receiver.url }).click()
    await page.getByRole('button', { name: 'Send a test' }).click()
    await page.getByText('The receiver took the test: 204').waitFor()
    await site.adjust(user, 5)
    await page.getByRole('row', { name: new RegExp(`${user}.*204`) }).waitFor()
    expect(receiver.events).toMatchObject([
      { type: 'webhook_test' },
      { type: 'balance_updated', userId: user, seq: 1, newBalance: 5 },
    ])

    receiver.status = 500
    await site.adjust(user, 1)
    const failing = page.getByRole('region', { name: 'Events that fail' })
    await failing.getByText(`${user}: events 3 to 4 wait`).waitFor()
    await failing.getByText(/^status 500/).waitFor()
    receiver.status = 200
    await failing.getByRole('button', { name: `Send now to ${user}` }).click()
    await dialog.getByRole('button', { name: 'Send' }).click()
    await page.getByText('Sending again to 1 user.').waitFor()
    await failing.waitFor({ state: 'detached' })
    expect(receiver.events.at(-1)).toMatchObject({ userId: user, seq: 3, newBalance: 6 })

    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByText('Paused', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Resume' }).click()
    await page.getByText('Up to date').waitFor()
    await page.getByRole('button', { name: 'Delete' }).click()
    await dialog.getByRole('button', { name: 'Delete' }).click()
    await page.getByText('No webhooks yet').waitFor()
  })

  test('events are sent again from an event on, with a new secret', async () => {
    const [receiver, user] = [await startReceiver(), someone('rita')]
    const made = await site.call('admin', 'POST', '/admin/webhooks', { url: receiver.url })
    receiver.secret = made.secret
    await site.adjust(user, 5)
    const page = await openConsole(site.url, `webhooks/${made.id}`)
    await page.getByRole('button', { name: 'New secret' }).click()
    const dialog = page.getByRole('dialog')
    await dialog
      .getByLabel('The secret of now signs too')
      .selectOption('No: it may be known to others')
    await dialog.getByRole('button', { name: 'Make it' }).click()
    receiver.secret =
      (await page.getByRole('region', { name: 'Secret' }).locator('code').textContent()) ?? ''
    expect(receiver.secret).not.toBe(made.secret)

    await eventually(() => expect(receiver.events).toHaveLength(2))
    await page.getByRole('button', { name: 'Send again', exact: true }).click()
    await dialog.getByLabel('After event').fill('soon')
    await dialog.getByRole('button', { name: 'Send' }).click()
    await dialog.getByText('Enter the user of this event.').waitFor()
    await dialog.getByText('Enter a number such as 41').waitFor()
    await dialog.getByLabel('User').fill(user)
    await dialog.getByLabel('After event').fill('1')
    await dialog.getByRole('button', { name: 'Send' }).click()
    await eventually(() => expect(receiver.events).toHaveLength(3))
    expect(receiver.events[2]).toEqual(receiver.events[1])
  })
})
