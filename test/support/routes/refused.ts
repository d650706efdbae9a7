import { expect } from 'vitest'
import { contentsOf } from '../index.ts'
import type { Caller, LedgerApp } from './ledger-app.ts'

/** Refusals of admins and services are on record there. */
const RECORD = ['deeds', 'unsealed_deeds']

async function contentsBesideRecord(api: LedgerApp) {
  const contents = Object.entries(await contentsOf(api.sql))
  return contents.filter(([table]) => !RECORD.includes(table))
}

/** Sends it, and sees that it was refused so, and that no row is another than before, except on the record of deeds. */
export async function refused(
  api: LedgerApp,
  by: Caller,
  request: string,
  body: unknown,
  [status, code]: readonly [number, string],
  headers?: Record<string, string>,
) {
  const before = await contentsBesideRecord(api)
  const answer = await api.call(by, request, body, headers)
  expect([answer.status, answer.body?.code]).toEqual([status, code])
  expect(await contentsBesideRecord(api)).toEqual(before)
}
