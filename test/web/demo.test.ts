import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, test } from 'vitest'
import { makeDataFolder, type NpmStart, npmStart, screenOf } from '../support/e2e/npm-start.ts'
import { describeInBrowser, visitor } from '../support/web/browser.ts'
import { isLive, showsBalance } from '../support/web/on-page.ts'

let server: NpmStart
let url: string
let dataDir: string

describeInBrowser('the pages of a fresh npm start', () => {
  beforeAll(async () => {
    dataDir = await makeDataFolder()
    server = npmStart({ PORT: '0', DATA_DIR: dataDir, DRAIN_SECONDS: '0' })
    url = (await screenOf(server)).url
  })
  afterAll(async () => {
    await server?.stop()
    await rm(dataDir, { recursive: true, force: true })
  })

  test('one click signs in as the user, another as the admin, and money moves between them', async () => {
    const { open } = await visitor()
    const wallet = await open(url)
    await wallet.getByRole('button', { name: 'Continue as the demo user' }).click()
    await isLive(wallet)
    await wallet.getByRole('button', { name: '$50', exact: true }).click()
    await wallet.getByRole('button', { name: 'Request topup' }).click()
    await wallet.getByRole('heading', { name: 'Waiting for approval' }).waitFor()

    // In the same browser, the console has its own session.
    const desk = await open(`${url}/admin`)
    await desk.getByRole('button', { name: 'Continue as the demo admin' }).click()
    await desk.getByRole('button', { name: 'Approve $50.00 for demo-user' }).click()
    await showsBalance(wallet, '$50.00')
  })
})
