import { describe, expect, test } from 'vitest'
import type { Command } from '../../src/ledger/command.ts'
import { Executor } from '../../src/ledger/executor.ts'
import { IdempotencyStore } from '../../src/ledger/idempotency-store.ts'
import { startFailure } from '../../src/local/errors.ts'
import type { Sql } from '../../src/postgres/database.ts'
import { DatabaseUnavailable, failureOf } from '../../src/postgres/errors.ts'
import { bearer, edge } from '../support/http/stub.ts'

type Fields = { severity?: string; syscall?: string; constraint_name?: string }

const failed = (code: string, fields: Fields = {}) =>
  Object.assign(new Error('the text of the error'), { code }, fields)

const sentence = (error: unknown) => {
  const failure = failureOf(error)
  return failure && `${failure.kind}, ${failure.notApplied ? 'not applied' : 'outcome unknown'}`
}

/** Codes that a call may meet, with what each one says of it. */
const MEANT: [code: string, fields: Fields, meaning: string][] = [
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'CONNECT_TIMEOUT', 'CONNECTION_ENDED'].map(
    (code): [string, Fields, string] => [code, {}, 'unavailable, not applied'],
  ),
  ...['EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'ECONNRESET', 'EPIPE'].flatMap(
    (code): [string, Fields, string][] => [
      [code, { syscall: 'connect' }, 'unavailable, not applied'],
      [code, { syscall: 'read' }, 'unavailable, outcome unknown'],
    ],
  ),
  ['ENOENT', { syscall: 'connect' }, 'unavailable, not applied'],
  ['CONNECTION_CLOSED', {}, 'unavailable, outcome unknown'],
  ['CONNECTION_DESTROYED', {}, 'unavailable, outcome unknown'],
  ['08006', {}, 'unavailable, outcome unknown'],
  ['08P01', { severity: 'FATAL' }, 'unavailable, outcome unknown'],
  ['08001', {}, 'unavailable, not applied'],
  ['25006', { severity: 'ERROR' }, 'unavailable, not applied'],
  ['28P01', { severity: 'FATAL' }, 'unavailable, not applied'],
  ['3D000', { severity: 'FATAL' }, 'unavailable, not applied'],
  ['40001', { severity: 'ERROR' }, 'transient, not applied'],
  ['40P01', { severity: 'ERROR' }, 'transient, not applied'],
  ['42501', { severity: 'ERROR' }, 'unavailable, not applied'],
  ['53100', { severity: 'ERROR' }, 'unavailable, not applied'],
  ['53100', { severity: 'PANIC' }, 'unavailable, outcome unknown'],
  ['53300', { severity: 'FATAL' }, 'unavailable, not applied'],
  ['55P03', { severity: 'ERROR' }, 'transient, not applied'],
  ['57014', { severity: 'ERROR' }, 'unavailable, not applied'],
  ['57P01', { severity: 'FATAL' }, 'unavailable, outcome unknown'],
  ['57P02', { severity: 'FATAL' }, 'unavailable, outcome unknown'],
  ['57L01', { severity: 'ERROR' }, 'unavailable, not applied'],
  ['57P03', { severity: 'FATAL' }, 'unavailable, not applied'],
  ['57P04', { severity: 'FATAL' }, 'unavailable, outcome unknown'],
  ['22023', { severity: 'FATAL' }, 'unavailable, outcome unknown'],
  ['23505', { constraint_name: 'idempotency_keys_pkey' }, 'transient, not applied'],
]

describe('the table of database errors', () => {
  test.each(MEANT)('%s %o is %s', (code, fields, meaning) => {
    expect(sentence(failed(code, fields))).toBe(meaning)
  })

  test.each<[string, Fields]>([
    ['22023', { severity: 'ERROR' }],
    ['23505', { severity: 'ERROR', constraint_name: 'entries_pkey' }],
    ['42703', { severity: 'ERROR' }],
    ['ENOENT', { syscall: 'open' }],
    ['EACCES', { syscall: 'open' }],
    ['INVALID', {}],
  ])('%s %o is a bug, or no error of the database', (code, fields) => {
    expect(sentence(failed(code, fields))).toBeUndefined()
  })

  test('a host of several addresses, none of which answers, was never reached', () => {
    const error = new AggregateError([failed('ETIMEDOUT', { syscall: 'connect' })])
    expect(sentence(Object.assign(error, { code: 'ETIMEDOUT' }))).toBe('unavailable, not applied')
  })
})

/** A database of which every call fails, and which counts them. */
function failing(error: Error) {
  const calls: unknown[][] = []
  const sql = (_: TemplateStringsArray, ...values: unknown[]) => {
    calls.push(values)
    return Promise.reject(error)
  }
  return { sql: sql as unknown as Sql, calls }
}

const unreachable = failed('EHOSTUNREACH', { syscall: 'connect' })

describe('whoever gets such an error goes by the table', () => {
  const command: Command = { op: 'payment', tenant: 'default', actor: 'ann', userId: 'ann' }

  // A batch that waited too long for a lock is applied without the wallets that are locked. One that a command has
  // spoiled is sent one by one.
  const atOnce = MEANT.filter(([code]) => code !== '55P03' && code !== '40001')
  test.each(atOnce)('the executor fails a whole batch at once: %s %o', async (code, fields) => {
    const { sql, calls } = failing(failed(code, fields))
    const executor = new Executor(sql, { retryForMs: -1 })
    const answers = await Promise.allSettled(
      Array.from({ length: 128 }, () => executor.execute(command)),
    )
    expect(calls).toHaveLength(1)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set(['rejected']))
  })

  test('the executor tries again what was not applied, and no command of unknown outcome without a key', async () => {
    const attempts = async (error: Error) => {
      const { sql, calls } = failing(error)
      const executor = new Executor(sql, { retryForMs: 50 })
      await expect(executor.execute(command)).rejects.toBeInstanceOf(DatabaseUnavailable)
      return calls.length
    }
    expect(await attempts(unreachable)).toBeGreaterThan(1)
    expect(await attempts(failed('EHOSTUNREACH', { syscall: 'read' }))).toBe(1)
  })

  test.each(['22023', '40001'])(
    'a batch that one command has spoiled is still sent one by one: %s',
    async (code) => {
      const { sql, calls } = failing(failed(code, { severity: 'ERROR' }))
      const executor = new Executor(sql, { retryForMs: -1 })
      await Promise.allSettled(Array.from({ length: 3 }, () => executor.execute(command)))
      expect(calls).toHaveLength(4)
    },
  )

  test.each(MEANT)(
    'a request is answered 503, and hears no text of it: %s %o',
    async (code, fields) => {
      const execute = () => Promise.reject(failed(code, fields))
      const { app } = edge({ executor: { execute } })
      const response = await app.request('/transactions/topup', {
        method: 'POST',
        headers: { ...(await bearer()), 'Content-Type': 'application/json' },
        body: '{"amount": 5}',
      })
      expect(response.status).toBe(503)
      expect(await response.text()).not.toContain('the text of the error')
    },
  )

  test.each(MEANT.filter(([, , meaning]) => meaning.startsWith('transient')))(
    'a kept answer is tried again: %s %o',
    async (code, fields) => {
      let acted = 0
      const sql = (parts: TemplateStringsArray) =>
        Promise.resolve(
          parts.join('').includes('claim_key') ? [{ mine: true }] : [{ answer: 'done' }],
        )
      const answers = new IdempotencyStore(sql as unknown as Sql)
      const request = { tenant: 'default', actor: 'ann', key: 'k', asked: 'a' }
      const kept = await answers.run(request, async () => {
        if (acted++ === 0) throw failed(code, fields)
        return 'done'
      })
      expect(kept).toEqual({ answer: 'done', replayed: false })
    },
  )

  test.each(MEANT.filter(([, , meaning]) => meaning.startsWith('unavailable')))(
    'a failed start is one line: %s %o',
    (code, fields) => {
      expect(startFailure(failed(code, fields))).toMatch(/^DATABASE_URL: [^\n]+$/)
    },
  )
})
