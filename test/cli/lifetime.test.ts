import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { inProcess, livebalance, start } from '../support/cli/livebalance.ts'
import { serverOfSuite } from '../support/cli/server.ts'
import { describeWithRedis, TEST_SECRET } from '../support/index.ts'

describeWithRedis('with a server that takes tokens of half an hour', () => {
  const beside = serverOfSuite({ JWT_MAX_LIFETIME: '30m' })

  test('commands sign theirs for no longer', async () => {
    const listed = await livebalance(beside.server.env, 'topups', 'list', '--json')
    expect(listed).toMatchObject({ code: 0, stderr: '' })
    const tail = await start(
      beside.server.env,
      'tail',
      '--user',
      'cli-brief',
      '--url',
      beside.server.url,
    )
    await tail.printed(/balance_initial/)
    expect((await tail.interrupt()).code).toBe(0)
  })

  test('token signs one that it takes', async () => {
    const { env, url } = beside.server
    const args = ['token', '--sub', 'ada', '--roles', 'admin', '--json']
    const { token, expiresAt } = JSON.parse((await inProcess(env, ...args)).stdout)
    expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(1_800_000)
    const theirs = { LIVEBALANCE_URL: url, LIVEBALANCE_TOKEN: token }
    expect(await inProcess(theirs, 'topups', 'list')).toMatchObject({ code: 0 })
  })
})

test('token refuses to sign for longer than the server takes it, and says what may be', async () => {
  const env = { JWT_SECRET: TEST_SECRET, JWT_MAX_LIFETIME: '30m' }
  expect(await inProcess(env, 'token', '--sub', 'ada', '--expires', '30m')).toMatchObject({
    code: 0,
  })
  expect(await inProcess(env, 'token', '--sub', 'ada', '--expires', '1801')).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(/--expires.*JWT_MAX_LIFETIME.*1800 s/),
  })
})

test('a command that takes longer than its token lives goes on with another one', async () => {
  const tokens = new Set<string>()
  const strict = createServer(({ headers }, response) => {
    tokens.add(headers.authorization ?? '')
    if (tokens.size === 1) response.writeHead(401).end('{}')
    else response.end('{"items":[],"nextCursor":null}')
  })
  await new Promise<void>((resolve) => strict.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void strict.close())
  const url = `http://127.0.0.1:${(strict.address() as AddressInfo).port}`
  const { code } = await inProcess({ JWT_SECRET: TEST_SECRET }, 'topups', 'list', '--url', url)
  expect([code, tokens.size]).toEqual([0, 2])
})
