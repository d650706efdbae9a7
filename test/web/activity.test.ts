import { expect, test } from 'vitest'
import { eventually } from '../support/index.ts'
import { describeInBrowser, visitor } from '../support/web/browser.ts'
import { isLive } from '../support/web/on-page.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

describeInBrowser('the activity of a wallet', () => {
  // A hold of ten minutes is about to end from the start.
  const site = siteOfSuite({ HOLD_EXPIRING_SECONDS: '900' })

  test('lists what happens as it happens, survives a reload, and goes back to the first event', async () => {
    const user = someone('ann')
    for (let amount = 1; amount <= 12; amount++) await site.adjust(user, amount)
    const page = await (await visitor({ sub: user })).open(site.url)
    await isLive(page)
    const activity = page.getByRole('region', { name: 'Activity' })
    const show = () => activity.getByRole('button', { name: 'Show', exact: true }).click()
    await show()
    const titles = () => activity.getByRole('listitem').locator('.what').allInnerTexts()
    await eventually(async () => expect(await titles()).toHaveLength(10))
    expect((await titles())[0]).toContain('Adjustment of $12.00 completed')

    const payment = { type: 'booking_payment', amount: 500 }
    await site.call(user, 'POST', '/transactions', payment).catch(() => {})
    await activity.getByText('$422.00 short').waitFor()
    await page.reload()
    await isLive(page)
    await show()
    await activity.getByText('$422.00 short').waitFor()

    await activity.getByRole('button', { name: 'Show earlier' }).click()
    await activity.getByText('Adjustment of $1.00 completed').waitFor()
    await activity.getByRole('button', { name: 'Show earlier' }).waitFor({ state: 'detached' })
    await expect.poll(() => titles()).toHaveLength(13)
    await site.adjust(user, 20)
    await activity.getByText('Adjustment of $20.00 completed').waitFor()
    await expect.poll(() => titles()).toHaveLength(14)
  })

  test('tells of a hold that is used up or ends soon, in the reader’s language', async () => {
    const user = someone('bea')
    await site.adjust(user, 100)
    const { open, context } = await visitor({ sub: user })
    const page = await open(site.url)
    await isLive(page)
    const hold = async (amount: number, part: number, overage: string) => {
      const body = { amount, overage, expiresIn: 600 }
      const { id } = await site.call(user, 'POST', '/transactions/hold', body)
      const capture = { amount: part, final: false }
      await site.call(user, 'POST', `/transactions/hold/${id}/capture`, capture)
    }
    await hold(30, 30, 'refuse')
    await page.locator('.toast').getByText('hold of $30.00').waitFor()
    // It grows by what it takes from the balance, perhaps after the warning.
    await hold(20, 25, 'balance')
    const activity = page.getByRole('region', { name: /^(Activity|Aktivität|Hoạt động)$/ })
    const said = async (texts: (string | RegExp)[]) => {
      for (const text of texts) await activity.getByText(text).first().waitFor()
    }
    await activity.getByRole('button').click()
    await said([
      '$30.00 of a hold of $30.00 is used',
      'It can take no more than it holds.',
      '$25.00 of a hold of $25.00 is used',
      'What more it takes comes from your balance.',
      /^A hold of \$2[05]\.00 ends soon/,
      /It ends \d+:\d+ [AP]M\. What is left of it is then free to spend\./,
    ])
    for (const [language, texts] of [
      ['de', [/30,00\s\$ einer Reservierung über 30,00\s\$ sind verbraucht/, /^Ende: \d+:\d+\./]],
      ['vi', [/Đã dùng 30,00\sUS\$ trong khoản tạm giữ 30,00\sUS\$/, /^Kết thúc lúc \d+:\d+\./]],
    ] as const) {
      await context.addInitScript((language) => {
        localStorage.setItem('livebalance.language', language)
      }, language)
      await page.reload()
      await isLive(page)
      await activity.getByRole('button').click()
      await said([...texts])
    }
  })
})
