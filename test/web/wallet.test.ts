import { expect, test } from 'vitest'
import { eventually, mintToken } from '../support/index.ts'
import { describeInBrowser, visitor } from '../support/web/browser.ts'
import { balanceOn, isLive, notifications, showsBalance } from '../support/web/on-page.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

describeInBrowser('the wallet page', () => {
  const site = siteOfSuite()

  test('a topup that an admin approves changes the balance, without a reload', async () => {
    const user = someone('alice')
    const wallet = await (await visitor({ sub: user })).open(site.url)
    const desk = await (await visitor({ sub: 'admin', admin: true })).open(`${site.url}/admin`)
    await isLive(wallet)
    await showsBalance(wallet, '$0.00')
    await wallet.evaluate(() => Object.assign(window, { sameDocument: true }))

    await wallet.getByLabel('Amount to add').fill('150.50')
    await wallet.getByLabel('Note').fill('For the trip')
    await wallet.getByRole('button', { name: 'Request topup' }).click()
    await wallet.getByRole('heading', { name: 'Waiting for approval' }).waitFor()

    // It appears on the admin's page without a reload.
    const approve = desk.getByRole('button', { name: `Approve $150.50 for ${user}` })
    await approve.waitFor()
    await desk.locator('.request', { hasText: user }).getByLabel('Note').fill('Enjoy')
    const answered = desk.waitForResponse((response) => response.request().method() === 'PATCH')
    await approve.click()
    await answered
    await showsBalance(wallet, '$150.50')

    await wallet.getByText('Topup of $150.50 completed').waitFor()
    await wallet.getByRole('row', { name: /Topup.*For the trip.*Note: Enjoy.*Completed/ }).waitFor()
    await wallet
      .getByRole('heading', { name: 'Waiting for approval' })
      .waitFor({ state: 'detached' })
    await approve.waitFor({ state: 'detached' })
    await expect.poll(() => wallet.evaluate(() => 'sameDocument' in window)).toBe(true)
  })

  test('a rejected topup is told with the admin’s words, and moves nothing', async () => {
    const user = someone('bella')
    const id = await site.requestTopup(user, 80)
    const wallet = await (await visitor({ sub: user })).open(site.url)
    await isLive(wallet)
    await site.call('admin', 'PATCH', `/transactions/topup/${id}/process`, {
      status: 'failed',
      adminNotes: 'The transfer never came',
    })
    await wallet.getByText('Topup declined').waitFor()
    await wallet.getByText('Note: The transfer never came').waitFor()
    await expect.poll(() => balanceOn(wallet)).toBe('$0.00')
  })

  test('a payment beyond the balance says what is missing, and how to get it', async () => {
    const user = someone('carol')
    await site.adjust(user, 50)
    const wallet = await (await visitor({ sub: user })).open(site.url)
    await isLive(wallet)
    await wallet.getByRole('tab', { name: 'Pay' }).click()
    await wallet.getByLabel('Amount to pay').fill('80')
    await wallet.getByRole('button', { name: 'Pay now' }).click()

    const notice = wallet.getByTestId('shortfall')
    await notice.waitFor()
    await expect.poll(() => notice.textContent()).toContain('You are $30.00 short')
    await expect.poll(() => notice.textContent()).toContain('you have $50.00 to spend')
    await wallet.getByText('$80.00 could not be taken: there was not enough to spend.').waitFor()
    await expect.poll(() => balanceOn(wallet)).toBe('$50.00')

    await notice.getByRole('button', { name: 'Add $30.00' }).click()
    await expect.poll(() => wallet.getByLabel('Amount to add').inputValue()).toBe('30')
  })

  test('a payment lowers the balance and shows by how much', async () => {
    const user = someone('dave')
    await site.adjust(user, 100)
    const wallet = await (await visitor({ sub: user })).open(site.url)
    await isLive(wallet)
    await wallet.getByRole('tab', { name: 'Pay' }).click()
    // In the notation of other languages.
    await wallet.getByLabel('Amount to pay').fill('42,20')
    await wallet.getByLabel('What for').fill('Two nights by the sea')
    await wallet.getByRole('button', { name: 'Pay now' }).click()
    await showsBalance(wallet, '$57.80')
    await wallet.locator('.change', { hasText: '-$42.20' }).waitFor()
    await wallet.getByText('Payment of $42.20 completed').waitFor()
    await expect
      .poll(() => wallet.getByTestId('balance-in-words').textContent())
      .toBe('Balance $57.80, down by $42.20')
  })

  test('a double click on Pay pays once and leaves the receipt, and the change is announced once', async () => {
    const user = someone('dora')
    await site.adjust(user, 100)
    const wallet = await (await visitor({ sub: user })).open(site.url)
    await isLive(wallet)
    await showsBalance(wallet, '$100.00')
    await wallet.evaluate(() => {
      const said: string[] = []
      Object.assign(window, { said })
      new MutationObserver((changes) => {
        const regions = changes
          .map(({ target }) => (target instanceof Element ? target : target.parentElement))
          .map((element) => element?.closest('[aria-live], [role=status], [role=alert]'))
        for (const region of new Set(regions)) if (region) said.push(region.textContent ?? '')
      }).observe(document.body, { subtree: true, childList: true, characterData: true })
    })
    let paid = 0
    wallet.on('request', (request) => {
      if (request.method() === 'POST') paid += 1
    })
    await wallet.getByRole('tab', { name: 'Pay' }).click()
    await wallet.getByLabel('Amount to pay').fill('30')
    const pay = wallet.getByRole('button', { name: 'Pay now' })
    const answered = wallet.waitForResponse((response) => response.request().method() === 'POST')
    await pay.click()
    await answered
    const receipt = wallet.getByText('$30.00 paid.')
    await receipt.waitFor()
    await pay.click()
    await pay.dblclick()
    await showsBalance(wallet, '$70.00')
    await wallet.getByText('Payment of $30.00 completed').waitFor()
    await expect.poll(() => receipt.count()).toBe(1)
    await expect.poll(() => wallet.locator('.error-text').count()).toBe(0)
    expect(paid).toBe(1)
    const said = await wallet.evaluate(() => (window as unknown as { said: string[] }).said)
    expect(said.filter((text) => text.includes('30.00'))).toHaveLength(1)
  })

  test('an amount that is none is asked about, and nothing is sent', async () => {
    const wallet = await (await visitor({ sub: someone('erin') })).open(site.url)
    await isLive(wallet)
    let sent = 0
    wallet.on('request', (request) => {
      if (request.method() === 'POST') sent += 1
    })
    for (const typed of ['', 'ten', '1.000', '€5', '0']) {
      await wallet.getByLabel('Amount to add').fill(typed)
      await wallet.getByRole('button', { name: 'Request topup' }).click()
      await wallet.locator('.error-text').waitFor()
    }
    // Requests are sent in order, so after this one, a request of an earlier click would have been counted.
    await wallet.getByLabel('Amount to add').fill('1')
    await wallet.getByRole('button', { name: 'Request topup' }).click()
    await wallet.getByRole('heading', { name: 'Waiting for approval' }).waitFor()
    expect(sent).toBe(1)
  })

  test('an amount is typed as the page prints it, and how it is understood stands below', async () => {
    const user = someone('erik')
    const wallet = await (await visitor({ sub: user })).open(site.url)
    await isLive(wallet)
    const amount = wallet.getByLabel('Amount to add')
    await amount.fill('$1,000.5')
    await wallet.getByText('Understood as $1,000.50').waitFor()
    await expect.poll(() => amount.getAttribute('aria-describedby')).toMatch(/-note$/)
    await wallet.getByRole('button', { name: 'Request topup' }).click()
    await wallet.getByRole('button', { name: 'Cancel the topup of $1,000.50' }).waitFor()
    await wallet.getByText('Understood as').waitFor({ state: 'detached' })
  })

  test('a pending topup can be taken back', async () => {
    const user = someone('grace')
    await site.requestTopup(user, 20)
    const wallet = await (await visitor({ sub: user })).open(site.url)
    await wallet.getByRole('button', { name: 'Cancel the topup of $20.00' }).click()
    await wallet.getByRole('row', { name: /Topup.*Cancelled/ }).waitFor()
    const told = wallet.locator('.toast', { hasText: 'Topup cancelled' })
    await expect.poll(() => told.locator('p').textContent()).toBe('No money moved.')
  })

  test('whatever could not be taken is told in the same true words', async () => {
    const [user, friend] = [someone('hanna'), someone('hugo')]
    await site.adjust(user, 10)
    await site.adjust(friend, 1)
    const wallet = await (await visitor({ sub: user })).open(site.url)
    await isLive(wallet)
    const asks: [string, string, object][] = [
      [user, 'withdrawal', { amount: 31 }],
      [user, 'transfer', { amount: 32, toUserId: friend }],
      ['admin', 'adjustment', { amount: -33, userId: user, description: 'Charged back' }],
    ]
    for (const [sub, path, body] of asks) {
      const asked = site.call(sub, 'POST', `/transactions/${path}`, body)
      await expect(asked).rejects.toThrow('insufficient')
    }
    for (const money of ['$31.00', '$32.00', '$33.00']) {
      await wallet
        .getByText(`${money} could not be taken: there was not enough to spend.`)
        .waitFor()
    }
  })

  test('a token is pasted to sign in, and what is no token is refused in words', async () => {
    const user = someone('heidi')
    await site.adjust(user, 5)
    const wallet = await (await visitor()).open(site.url)
    await expect.poll(() => wallet.getByRole('button', { name: /demo/ }).count()).toBe(0)
    await wallet.getByLabel('Token').fill('hello')
    await wallet.getByRole('button', { name: 'Sign in' }).click()
    await wallet.getByText('This is not a token.').waitFor()
    await wallet.getByLabel('Token').fill(`Bearer ${await mintToken({ sub: user })}`)
    await wallet.getByRole('button', { name: 'Sign in' }).click()
    await showsBalance(wallet, '$5.00')
    await wallet.getByRole('button', { name: 'Sign out' }).click()
    await wallet.getByLabel('Token').waitFor()
  })

  test('each of the five events is told once', async () => {
    const user = someone('judy')
    const topup = await site.requestTopup(user, 9)
    const wallet = await (await visitor({ sub: user })).open(site.url)
    await wallet.getByText('You are live').waitFor()
    const told = await notifications(wallet)
    await site.adjust(user, 4)
    await site.call('admin', 'PATCH', `/transactions/topup/${topup}/process`, { status: 'failed' })
    const payment = { type: 'booking_payment', amount: 10 }
    await expect(site.call(user, 'POST', '/transactions', payment)).rejects.toThrow('insufficient')
    await eventually(async () =>
      expect((await told.last()).filter((title) => title !== 'You are live')).toEqual([
        'Adjustment of $4.00 completed',
        'Topup declined',
        '$6.00 short',
      ]),
    )
  })
})
