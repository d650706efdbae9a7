import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { connect } from '../../src/postgres/database.ts'
import { eventually, type TestDatabase } from '../support/index.ts'
import { violations } from '../support/web/axe.ts'
import { describeInBrowser, openConsole } from '../support/web/browser.ts'
import { siteOfSuite, someone } from '../support/web/site.ts'

/** What processes write once a minute. */
async function writeCounts({ ownerUrl }: TestDatabase): Promise<void> {
  const sql = connect(ownerUrl, { max: 1 })
  const at = new Date(Math.floor(Date.now() / 900_000) * 900_000).toISOString()
  const common = { at, tenant: 'default', process: randomUUID(), amount: '0', currency: '' }
  const refused = { label: 'booking_payment insufficient_funds', currency: 'USD', amount: '1250' }
  const rows = [
    { ...common, name: 'refusals', ...refused, count: 3 },
    { ...common, name: 'events', label: 'sse', count: 250 },
    { ...common, name: 'connections', label: 'sse', count: 4 },
  ]
  await sql`select analytics_count(${JSON.stringify(rows)}::text::json)`
  await sql.end()
}

describeInBrowser('the analytics of the console', () => {
  const site = siteOfSuite()

  test('show the money that moved and who moved it, keep what is chosen in the address, and give it as files', async () => {
    const user = someone('mira')
    await site.adjust(user, 120)
    await site.call(user, 'POST', '/transactions', { type: 'booking_payment', amount: 45 })
    const topup = await site.requestTopup(user, 8)
    const decision = { status: 'success' }
    await site.call('other-admin', 'PATCH', `/transactions/topup/${topup}/process`, decision)
    await writeCounts(site.database)
    const page = await openConsole(site.url, 'users')
    const scripts = () =>
      page.evaluate(() =>
        performance
          .getEntriesByType('resource')
          .filter(({ name }) => name.endsWith('.js'))
          .map(({ name }) => name),
      )
    await page.getByRole('link', { name: user }).waitFor()
    const first = await scripts()
    await page.getByRole('link', { name: 'Analytics' }).click()

    const amounts = page.getByRole('region', { name: 'Amounts', exact: true })
    await amounts.locator('canvas').waitFor()
    // The charts are not part of what every screen loads.
    expect((await scripts()).length).toBeGreaterThan(first.length)
    await amounts.getByText('Show as a table').click()
    const movers = page.getByRole('region', { name: 'Top movers', exact: true })
    const mover = movers.getByRole('row', { name: new RegExp(`${user}.*\\+\\$83\\.00`) })
    // A roll-up may have come between the payment and the topup, which then waits for the next one.
    await eventually(async () => {
      await page.getByRole('button', { name: 'Refresh' }).click()
      await mover.waitFor({ timeout: 2_000 })
    })
    await amounts.getByText('$45.00').first().waitFor()

    const card = (name: string) => page.getByRole('region', { name, exact: true })
    const fileOf = async (name: string) => {
      const download = page.waitForEvent('download')
      await card(name)
        .getByRole('button', { name: `CSV of ${name}` })
        .click()
      return readFile(await (await download).path(), 'utf8')
    }
    await card('Refused')
      .getByRole('row', { name: 'booking payment insufficient funds 3' })
      .waitFor()
    expect(await fileOf('Refused')).toMatch(/,booking_payment,insufficient_funds,3,12\.5\r\n/)
    await card('Time until the decision').getByRole('row', { name: 'Up to 1 min 1 0' }).waitFor()
    expect(await fileOf('Time until the decision')).toMatch(
      /,topup,success,1,8,8,.*,1,0,0,0,0,0,0,0,0/,
    )
    // One topup of 8, one payment of 45: what the charts draw, and what they do not.
    const types = card('By type and status')
    for (const row of [
      'booking payment, success 1 $45.00 -$45.00 $0.00 $45.00 1',
      'topup, success 1 $8.00 +$8.00 $0.00 $8.00 1',
      'adjustment, success 1 $120.00 +$120.00 $0.00 $120.00 1',
    ]) {
      await types.getByRole('row', { name: row }).waitFor()
    }
    expect(await fileOf('By type and status')).toContain(',booking_payment,success,1,45,-45,')
    await card('New wallets').getByRole('link', { name: user }).waitFor()
    expect(await fileOf('New wallets')).toContain(`"${user}",83,`)
    expect(await fileOf('Top movers')).toContain(`"${user}",83,`)
    const cohorts = card('Cohorts by first topup')
    const month = new Date().toISOString().slice(0, 7)
    await cohorts.getByRole('row', { name: `${month} 1 1 (100%)` }).waitFor()
    await cohorts.getByLabel('By the').selectOption('Week')
    await cohorts.getByRole('row', { name: /^\d{4}-\d\d-\d\d 1 1 \(100%\)$/ }).waitFor()
    expect(await fileOf('Cohorts by first topup')).toMatch(
      /^cohort,users,period,active,volume\r\n.*,1,.*,1,/,
    )
    // Nobody was silent.
    await card('Silent since the range began').getByText('Everyone had an entry.').waitFor()
    await card('Live updates').getByRole('row', { name: 'sse 4 250' }).waitFor()
    expect(await fileOf('Live updates')).toMatch(/,sse,250,4\r\n/)

    await page.getByLabel('Range', { exact: true }).selectOption('7 days')
    await page.getByLabel('By', { exact: true }).selectOption('Hour')
    await eventually(async () => expect(page.url()).toContain('?days=7&bucket=hour'))
    await page.reload()
    await eventually(async () =>
      expect(await page.getByLabel('By', { exact: true }).inputValue()).toBe('hour'),
    )
    await amounts.locator('canvas').waitFor()
    // When users look, and by what: by the hour.
    const events = card('Events that reached a screen')
    await events.locator('canvas').waitFor()
    await events.getByText('Show as a table').click()
    await events.getByRole('row', { name: / 250$/ }).waitFor()
    await card('Connections opened').locator('canvas').waitFor()
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      expect([colorScheme, await violations(page)]).toEqual([colorScheme, []])
    }

    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download CSV' }).click()
    const csv = await readFile(await (await download).path(), 'utf8')
    expect(csv).toMatch(/,booking_payment,success,1,45,-45,0,45,1,/)
  })
})
