import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import postgres from 'postgres'
import { describe, expect } from 'vitest'
import type { Auditor, AuditProgress } from '../../src/ledger/auditor.ts'
import { sleep } from '../../src/lib/timeout.ts'
import { eventually, mintToken } from '../support/index.ts'
import {
  admin,
  alice,
  foreignAdmin,
  type LedgerApp,
  ledgerApp,
  test,
} from '../support/routes/ledger-app.ts'

test.beforeAll(async ({ api }) => {
  await api.fund('alice', 100)
  await api.fund('bob', 20.5)
  await api.call(alice, 'POST /transactions', { type: 'booking_payment', amount: 30 })
})

/** What no request can do: a snapshot that is wrong. */
async function spoil(api: LedgerApp, userId: string, minor: number) {
  const sql = postgres(api.database.ownerUrl, { max: 1 })
  await sql`
    update balance_snapshots set balance = balance + ${minor}
    where wallet_id = (select id from wallets where user_id = ${userId} and tenant = 'default')`
  await sql.end()
}

test('a sound ledger is found sound', async ({ api }) => {
  expect((await api.call(admin, 'GET /transactions/verify/alice')).body).toEqual({
    userId: 'alice',
    currency: 'USD',
    isAccurate: true,
    snapshotBalance: 70,
    calculatedBalance: 70,
    difference: 0,
  })
  const { body } = await api.call(admin, 'GET /transactions/audit')
  expect(body).toMatchObject({ total: 2, accurate: 2, inaccurate: 0, discrepancies: [] })
  for (const { debits, credits, balanced } of body.ledger) {
    expect([debits, balanced]).toEqual([credits, true])
  }
})

test('another tenant is not counted, and who is not known is 404', async ({ api }) => {
  const { body } = await api.call(foreignAdmin, 'GET /transactions/audit')
  expect(body).toMatchObject({ total: 0, inaccurate: 0 })
  expect((await api.call(foreignAdmin, 'GET /transactions/verify/alice')).status).toBe(404)
  expect((await api.call(admin, 'GET /transactions/verify/nobody')).status).toBe(404)
  expect((await api.call(foreignAdmin, 'POST /transactions/recalculate/alice')).status).toBe(404)
})

describe('a snapshot that is wrong', () => {
  test('is found, and repaired from the entries', async ({ api }) => {
    await spoil(api, 'alice', 5_00)
    const { body } = await api.call(admin, 'GET /transactions/verify/alice')
    expect(body).toMatchObject({ isAccurate: false, snapshotBalance: 75, difference: 5 })
    const audit = await api.call(admin, 'GET /transactions/audit')
    expect(audit.body).toMatchObject({ accurate: 1, inaccurate: 1 })
    expect(audit.body.discrepancies[0]).toMatchObject({ userId: 'alice', currency: 'USD' })

    const repaired = await api.call(admin, 'POST /transactions/recalculate/alice')
    expect(repaired.body).toMatchObject({ previousBalance: 75, newBalance: 70, corrected: true })
    const again = await api.call(admin, 'GET /transactions/audit')
    expect(again.body).toMatchObject({ accurate: 2, inaccurate: 0 })
  })

  test('is told as corrected when the balance alone was right', async ({ api }) => {
    const sql = postgres(api.database.ownerUrl, { max: 1 })
    await sql`update balance_snapshots set held = 1 where user_id = 'bob'`
    await sql.end()
    const repaired = await api.call(admin, 'POST /transactions/recalculate/bob')
    expect(repaired.body).toMatchObject({
      previousBalance: 20.5,
      newBalance: 20.5,
      corrected: true,
    })
    const again = await api.call(admin, 'POST /transactions/recalculate/bob')
    expect(again.body).toMatchObject({ corrected: false })
  })

  test('is repaired with all others at once', async ({ api }) => {
    await spoil(api, 'alice', 1)
    await spoil(api, 'bob', 1)
    const { body } = await api.call(admin, 'POST /transactions/recalculate-all')
    expect(body).toMatchObject({ total: 2, corrected: 2 })
  })
})

/** Counts how often the database was asked, and answers after `steps` calls of `onStep`, each in its own turn. */
function slowAuditor(steps: number) {
  const walked = { steps: 0, ended: false }
  const auditor = {
    async audit(_: string, onStep: AuditProgress = () => {}) {
      try {
        for (; walked.steps < steps; walked.steps++) {
          onStep(walked.steps, steps)
          // The time that the database takes for a step. The tests wait for the answer, not for this.
          await sleep(10)
        }
      } finally {
        walked.ended = true
      }
      return { total: 0, accurate: 0, inaccurate: 0, entries: 0, ledger: [], discrepancies: [] }
    },
  }
  return { walked, auditor: auditor as unknown as Auditor }
}

test('an audit may take longer than other requests, up to a limit of its own', async () => {
  const long = { requestTimeoutMs: 500, auditTimeoutMs: 60_000 }
  const patient = await ledgerApp({ ...long, auditor: slowAuditor(70).auditor })
  expect((await patient.call(admin, 'GET /transactions/audit')).status).toBe(200)
  // To whom it is not open it is no way to more time.
  expect((await patient.call(alice, 'GET /transactions/audit')).status).toBe(403)
  await patient.close()

  const endless = slowAuditor(Number.POSITIVE_INFINITY)
  const short = { requestTimeoutMs: 60_000, auditTimeoutMs: 100 }
  const impatient = await ledgerApp({ ...short, auditor: endless.auditor })
  const { status, body } = await impatient.call(admin, 'GET /transactions/audit')
  expect([status, body.code]).toEqual([503, 'timeout'])
  await eventually(() => expect(endless.walked.ended).toBe(true))
  await impatient.close()
})

test('an audit that nobody waits for any more ends', async () => {
  const endless = slowAuditor(Number.POSITIVE_INFINITY)
  const { app, close } = await ledgerApp({ auditor: endless.auditor })
  const http = createAdaptorServer({ fetch: app.fetch })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  const gone = new AbortController()
  const answer = fetch(`http://127.0.0.1:${port}/transactions/audit`, {
    headers: { Authorization: `Bearer ${await mintToken(admin)}` },
    signal: gone.signal,
  })
  await eventually(() => expect(endless.walked.steps).toBeGreaterThan(2))
  expect(endless.walked.ended).toBe(false)
  gone.abort()
  await expect(answer).rejects.toThrow()
  await eventually(() => expect(endless.walked.ended).toBe(true))
  http.close()
  await close()
})
