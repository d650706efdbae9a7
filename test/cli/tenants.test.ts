import { expect, test } from 'vitest'
import { inProcess, livebalance } from '../support/cli/livebalance.ts'
import { serverOfSuite } from '../support/cli/server.ts'
import { describeWithRedis, mintToken } from '../support/index.ts'

describeWithRedis('tenants and keys, with a server', () => {
  const beside = serverOfSuite()
  const cli = (...args: string[]) => inProcess(beside.server.env, ...args)
  const json = async (...args: string[]) => JSON.parse((await cli(...args, '--json')).stdout)

  /** The balance as a user or a key of a tenant gets it. */
  async function balanceBy(token: string) {
    const headers = { Authorization: `Bearer ${token}` }
    const response = await fetch(`${beside.server.url}/transactions/balance`, { headers })
    return [response.status, ((await response.json()) as { currency?: string }).currency]
  }

  test('a tenant is made, changed, suspended and resumed', async () => {
    const id = 'a:b/c?{é}'
    const ann = await mintToken({ sub: 'ann', tenant: id })
    const created = await livebalance(
      beside.server.env,
      ...['tenants', 'create', id, '{"currency":"EUR"}', '--name', 'Odd'],
    )
    expect([created.code, created.stdout]).toEqual([0, `${id}  made\n`])
    expect(await balanceBy(ann)).toEqual([200, 'EUR'])

    const changed = await cli('tenants', 'set', id, '{"currency":null,"maxWebhooks":3}')
    expect(changed.stderr).toBe('')
    expect(changed.stdout).toMatch(/currency +null\n(.*\n)*maxWebhooks +3\n/)
    expect(await balanceBy(ann)).toEqual([200, 'USD'])
    expect(await json('tenants', 'set', id)).toMatchObject({ id, name: 'Odd', maxWebhooks: 3 })
    expect(await json('tenants', 'set', id, '--name', 'Even')).toMatchObject({ name: 'Even' })

    const suspended = await cli('tenants', 'suspend', id, '--reason', 'did not pay')
    expect(suspended.stdout).toBe(`${id}  suspended\n`)
    expect((await balanceBy(ann))[0]).toBe(403)
    expect((await cli('tenants', 'list', '--suspended')).stdout).toMatch(/suspended.*Even\n$/)
    expect((await json('tenants', 'list', '--search', 'EVEN')).items).toHaveLength(1)
    expect((await json('tenants', 'list', '--search', 'nothing')).items).toEqual([])
    expect((await cli('tenants', 'resume', id)).stdout).toBe(`${id}  active\n`)
    expect(await balanceBy(ann)).toEqual([200, 'USD'])
    const usage = await cli('tenants', 'usage', id)
    expect(usage.stdout).toMatch(/users +1, 1 of them new\n(.*\n)*API keys +0\n$/)
  })

  test('a key is made, shown once, rotated and revoked', async () => {
    await cli('tenants', 'create', 'shop')
    const created = await cli('keys', 'create', 'booking', '--tenant', 'shop')
    const [, id = '', key = ''] = /^(\S+)\nkey: (lb_live_\S+)\n$/.exec(created.stdout) ?? []
    expect(await balanceBy(key)).toEqual([200, 'USD'])
    const listed = await cli('keys', 'list', '--tenant', 'shop')
    expect(listed.stdout).toMatch(new RegExp(`${id} +shop +works +service +all +never +booking\n`))
    expect(listed.stdout).not.toContain(key)

    const rotated = await cli('keys', 'rotate', id, '--overlap', '0')
    const [, second = ''] = /^key: (lb_live_\S+)\n$/.exec(rotated.stdout) ?? []
    expect([(await balanceBy(key))[0], (await balanceBy(second))[0]]).toEqual([401, 200])
    expect((await cli('keys', 'rotate', id)).stdout).toMatch(/the key before works until 20/)
    expect((await cli('keys', 'revoke', id)).stdout).toBe('revoked\n')
    expect((await balanceBy(second))[0]).toBe(401)
    expect((await cli('keys', 'list', '--tenant', 'shop')).stdout).toContain('revoked')

    const narrow = await json(
      ...['keys', 'create', 'narrow', '--tenant', 'shop', '--roles', 'admin,service'],
      ...['--scopes', 'webhooks:read', '--expires', '2999-01-01', '--user', 'someone'],
    ).catch((error) => error)
    // A key with the role admin acts in the name of its maker.
    expect(narrow).toBeInstanceOf(Error)
    const asked = ['--roles', 'service', '--scopes', 'webhooks:read', '--user', 'someone']
    expect(await json('keys', 'create', 'narrow', '--tenant', 'shop', ...asked)).toMatchObject({
      ...{ roles: ['service'], scopes: ['webhooks:read'], userId: 'someone', expiresAt: null },
    })
  })

  test('a wrong call says what is wrong with it', async () => {
    for (const [args, code, reason] of [
      [['tenants', 'create'], 2, 'name one tenant'],
      [['tenants', 'create', 'x', '[1]'], 2, 'settings are a JSON object'],
      [['tenants', 'create', 'x', '{"currency":1,"currency":2}'], 2, 'settings are a JSON object'],
      [['tenants', 'create', 'x', '{"currency":"nothing"}'], 1, 'currency'],
      [['tenants', 'set', 'nobody', '{"currency":"EUR"}'], 1, 'There is no such tenant.'],
      [['tenants', 'list', '--limit', '0'], 2, '--limit'],
      [['keys', 'create'], 2, 'give the key one name'],
      [['keys', 'create', 'x', '--roles', 'operator'], 2, '--roles can be admin, service'],
      [['keys', 'create', 'x', '--scopes', 'all'], 2, '--scopes can be transactions:read'],
      [['keys', 'create', 'x', '--tenant', 'nobody'], 1, 'There is no such tenant.'],
      [['keys', 'rotate', 'x', '--overlap', 'soon'], 2, '--overlap'],
    ] as const) {
      const answer = await cli(...args)
      expect([args, answer.code, answer.stderr]).toEqual([
        ...[args, code],
        expect.stringContaining(reason),
      ])
    }
    const LIVEBALANCE_TOKEN = await mintToken({ sub: 'ada', roles: ['admin'] })
    const env = { ...beside.server.env, LIVEBALANCE_TOKEN }
    const { code, stderr } = await inProcess(env, 'tenants', 'list')
    expect([code, stderr]).toEqual([1, expect.stringContaining('requires the role operator')])
  })
})
