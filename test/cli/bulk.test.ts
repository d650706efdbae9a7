import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { inProcess } from '../support/cli/livebalance.ts'
import { serverOfSuite } from '../support/cli/server.ts'
import { describeWithRedis, UNLIMITED } from '../support/index.ts'

/** A file with one command a line. */
function fileOf(...commands: (object | string)[]): string {
  const file = join(mkdtempSync(join(tmpdir(), 'bulk-')), 'commands.ndjson')
  const lines = commands.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}

const gift = (userId: string, amount: number) => ({
  ...{ type: 'admin_adjustment', userId, amount, description: 'a gift' },
})

describeWithRedis('bulk, with a server', () => {
  const beside = serverOfSuite(UNLIMITED)
  const cli = async (...args: string[]) => {
    const ran = await inProcess(beside.server.env, 'bulk', ...args)
    return { ...ran, json: () => JSON.parse(ran.stdout) }
  }

  test('a file is run once, however often it is sent, and another key runs it again', async () => {
    const file = fileOf(gift('bulk/ann', 5), '', gift('bulk/nobody', -1), gift('bulk/ann', 5))
    const previewed = await cli(file, '--dry-run', '--json')
    const balances = ({ results }: { results: { transaction?: { newBalance: number } }[] }) =>
      results.map(({ transaction }) => transaction?.newBalance)
    expect([previewed.code, balances(previewed.json())]).toEqual([1, [5, undefined, 10]])
    for (let times = 0; times < 2; times++) {
      const { code, stdout } = await cli(file)
      expect(code).toBe(1)
      expect(stdout).toMatch(
        /^1 {2}\S+ {2}admin_adjustment success: 5 USD of bulk\/ann\n2 {2}refused: unknown_user .*\n3 {2}\S+ {2}admin/,
      )
    }
    expect(balances((await cli(file, '--key', 'monday', '--json')).json())).toEqual([
      ...[15, undefined, 20],
    ])
  })

  test('all or none, and more than one request', async () => {
    const refused = await cli(
      fileOf(gift('bulk/bob', 5), gift('bulk/zoe', -1)),
      '--atomic',
      '--json',
    )
    expect(refused.json().results).toMatchObject([
      ...[{ code: 'bulk_aborted' }, { code: 'unknown_user' }],
    ])
    const many = fileOf(...Array.from({ length: 1_001 }, () => gift('bulk/cid', 1)))
    const { code, stderr } = await cli(many, '--atomic')
    expect([code, stderr]).toEqual([2, expect.stringContaining('--atomic takes one request')])
    const ran = await cli(many, '--json')
    expect(ran.stderr).toBe('')
    const { results } = ran.json()
    expect(results).toHaveLength(1_001)
    expect(results.at(-1)).toMatchObject({ transaction: { newBalance: 1_001 } })
  })

  test('what is no command stops it before anything is done', async () => {
    const wrong = await cli(fileOf(gift('bulk/dan', 1), '{'))
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('line 2 of')])
    const unknown = await cli(fileOf(gift('bulk/dan', 1), { type: 'gift' }))
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('invalid_request')])
    expect((await cli(fileOf(gift('bulk/dan', 1)), '--json')).json().results).toMatchObject([
      { transaction: { newBalance: 1 } },
    ])
  })
})
