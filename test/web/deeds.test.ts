import { expect, test } from 'vitest'
import { eventually } from '../support/index.ts'
import { violations } from '../support/web/axe.ts'
import { describeInBrowser, openConsole } from '../support/web/browser.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

describeInBrowser('the audit log, the search and the revocations of the console', () => {
  const site = siteOfSuite()

  test('what an admin did is found by the search, and is on record', async () => {
    const user = someone('dora')
    await site.adjust(user, 12.5)
    const page = await openConsole(site.url, 'requests')
    const box = page.getByRole('searchbox', { name: 'Search transactions and users' })
    await box.fill(user)
    await box.press('Enter')
    await page.getByRole('heading', { name: 'Search' }).waitFor()
    await page.getByText('Everything was looked at.').waitFor()
    await page.getByRole('link', { name: user }).first().waitFor()
    await box.fill('12.50')
    await box.press('Enter')
    await page.getByRole('row', { name: new RegExp(`12\\.50.*${user}`) }).waitFor()
    await expect.poll(() => violations(page)).toEqual([])
    expect(new URL(page.url()).search).toBe('?q=12.50')

    // The transaction's own page has everything that is known of it.
    await page
      .getByRole('row', { name: new RegExp(`12\\.50.*${user}`) })
      .getByRole('link', { name: 'Adjustment' })
      .click()
    await page.getByRole('heading', { name: 'Adjustment of $12.50' }).waitFor()
    const entries = page.getByRole('region', { name: 'Entries' })
    await entries
      .getByRole('row', { name: new RegExp(`adjustments → ${user}.*Intact.*12\\.50`) })
      .waitFor()
    await page.getByRole('region', { name: 'Decisions' }).getByText('Adjustment by admin').waitFor()
    await page.getByRole('region', { name: 'Events' }).getByText('balance_updated').waitFor()
    const transaction = page.url()
    await expect.poll(() => violations(page)).toEqual([])
    await page.goto(`${site.url}/admin/users/${user}`)
    await page
      .getByRole('region', { name: 'Statement' })
      .getByRole('link', { name: 'Adjustment' })
      .click()
    await page.waitForURL(transaction)

    await page.goto(`${site.url}/admin/deeds?target=${user}`)
    const row = page.getByRole('row', { name: new RegExp(`Adjustment.*${user}.*Done`) })
    await row.waitFor()
    await row.getByText('Details').click()
    await row
      .getByText(/amount: 12\.50/)
      .first()
      .waitFor()
    await expect
      .poll(() => row.getByRole('link').last().getAttribute('href'))
      .toBe(new URL(transaction).pathname)
    await expect.poll(() => violations(page)).toEqual([])
    await page.getByLabel('Result').selectOption('refused')
    await page.getByText('Nothing like that is on record').waitFor()
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download CSV' }).click()
    expect((await download).suggestedFilename()).toBe('deeds.csv')
  })

  test('a user’s tokens are revoked, and the revocation is lifted', async () => {
    const user = someone('rita')
    const page = await openConsole(site.url, 'revocations')
    await page.getByRole('button', { name: 'Revoke tokens' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Revoke', exact: true }).click()
    await dialog.getByText('Say whose tokens, or which one.').waitFor()
    await dialog.getByLabel('User', { exact: true }).fill(user)
    await dialog.getByLabel('Reason').fill('a lost phone')
    await dialog.getByRole('button', { name: 'Revoke', exact: true }).click()
    const row = page.getByRole('row', { name: new RegExp(`All tokens of ${user}`) })
    await row.getByText('a lost phone').waitFor()
    await expect.poll(() => violations(page)).toEqual([])
    await row.getByRole('button', { name: 'Lift' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Lift', exact: true }).click()
    await eventually(async () => expect(await row.count()).toBe(0))
  })
})
