import { describe, expect, test } from 'vitest'
import { inProcess, livebalance } from '../support/cli/livebalance.ts'
import { TEST_SECRET } from '../support/index.ts'

const NOWHERE = 'postgres://127.0.0.1:1/nothing'

describe('what is typed', () => {
  test.each([
    [[], 'Usage: livebalance <command>'],
    [['fly'], 'no command fly'],
    [['topups'], 'topups approve'],
    [['audit', '--fast'], '--fast'],
    [['audit', 'alice'], 'takes no argument: alice'],
    [['audit', '--tenant', ''], '--tenant must not be empty'],
    [['recalculate'], 'name a user, or give --all'],
    [['recalculate', 'alice', '--all'], 'name a user, or give --all'],
    [['topups', 'approve'], 'name the topups'],
    [['topups', 'list', '--status', 'open'], '--status is pending'],
    [['topups', 'list', '--order', 'newest'], '--order is asc or desc'],
    [['topups', 'list', '--limit', 'many'], '--limit is a number'],
    [['bulk'], 'name a file of commands'],
    [['bulk', 'a', 'b'], 'one file at a time'],
    [['bulk', '/nowhere/file'], 'cannot be read: no such file'],
    [['freeze'], 'name a user'],
    [['freeze', 'alice', '--show', '--debits'], '--show goes with no other change'],
    [['unfreeze', 'alice', 'bob'], 'one user at a time'],
    [['token'], '--sub is missing'],
    [['token', '--sub', 'a b'], '--sub must be 1 to 255 characters'],
    [['token', '--sub', 'a', '--roles', 'king'], 'admin, service, operator'],
    [['token', '--sub', 'a', '--expires', 'soon'], '--expires is a duration'],
    [['tail'], 'no Redis to listen to'],
    [
      ['tail', '--event', 'nope'],
      'balance_initial, balance_updated, transaction_completed, transaction_failed, balance_insufficient, balance_alert, wallet_frozen, wallet_unfrozen, available_changed, hold_exhausted, hold_expiring, auto_topup_paused, token_expiring',
    ],
    [['tenants', 'move'], 'name one tenant'],
    [['tenants', 'move', 'a', 'b'], 'name one tenant'],
    [['tenants', 'move', 'a'], '--to is missing'],
    [['tenants', 'move', 'a', '--to', 'nowhere'], '--to is one of main, or a connection string'],
    [['tenants', 'move', 'a', '--purge', '--cancel'], '--cancel and --purge exclude each other'],
    [['recalculate', 'alice', '--url', 'notaurl'], '--url must be a URL that begins with http'],
    [['topups', 'list', '--url', 'localhost:3000'], '--url must be a URL that begins with http'],
    [['tail', '--url', 'localhost:3000', '--user', 'alice'], '--url must be a URL that begins'],
  ])('%j is wrong usage, and says why', async (args, why) => {
    const { code, stdout, stderr } = await inProcess({ DATABASE_URL: NOWHERE }, ...args)
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining(why),
    })
  })

  test.each([[['--help']], [['audit', '--help']], [['topups', '--help']], [['tail', '--help']]])(
    '%j explains itself',
    async (args) => {
      const { code, stdout, stderr } = await inProcess({}, ...args)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toMatch(/^Usage: livebalance .*--json.*Exit codes/s)
    },
  )

  test('a process ends with the code, and keeps results and complaints apart', async () => {
    const [help, wrong] = await Promise.all([
      livebalance({}, '--help'),
      livebalance({ DATABASE_URL: NOWHERE }, 'fly'),
    ])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    expect(wrong).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^livebalance: /),
    })
  })

  test('a bad environment, a database and a server that are away end with 1 and one line', async () => {
    const all = await Promise.all([
      livebalance({ DATABASE_URL: 'mysql://x' }, 'migrate'),
      livebalance({ DATABASE_URL: NOWHERE }, 'audit'),
      livebalance({ JWT_SECRET: TEST_SECRET }, 'topups', 'list', '--url', 'http://127.0.0.1:7'),
      livebalance({ DATABASE_URL: NOWHERE }, 'topups', 'list'),
      livebalance({ JWT_JWKS_URL: 'https://id.example.com' }, 'token', '--sub', 'a'),
    ])
    const about = [
      /DATABASE_URL must/,
      /no database answers/,
      /no server answers/,
      /JWT_SECRET/,
      /identity/,
    ]
    for (const [i, { code, stdout, stderr }] of all.entries()) {
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toMatch(about[i] as RegExp)
      expect(stderr.trim().split('\n')).toHaveLength(1)
    }
  })

  test('with --json the reason is JSON too', async () => {
    const { stderr } = await livebalance({ DATABASE_URL: NOWHERE }, 'audit', '--json')
    expect(JSON.parse(stderr)).toEqual({
      error: { code: 'unavailable', message: expect.stringContaining('no database answers') },
    })
  })
})
