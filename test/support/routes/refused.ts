import { expect } from 'vitest'
import { contentsOf } from '../index.ts'
import type { Caller, LedgerApp } from './ledger-app.ts'

/** Sends it, and sees that it was refused so, and that no row of any table is another than before. */
export async function refused(
  api: LedgerApp,
  by: Caller,
  request: string,
  body: unknown,
  [status, code]: readonly [number, string],
  headers?: Record<string, string>,
) {
  const before = await contentsOf(api.sql)
  const answer = await api.call(by, request, body, headers)
  expect([answer.status, answer.body?.code]).toEqual([status, code])
  expect(await contentsOf(api.sql)).toEqual(before)
}
