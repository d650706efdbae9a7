import { describe, expect } from 'vitest'
import { TokenSource } from '../../src/client/token.ts'
import { test } from '../support/client/fixtures.ts'
import { record, TRANSPORTS } from '../support/client/recorded.ts'
import { eventually, mintToken } from '../support/index.ts'

const past = (time: number) => eventually(() => expect(Date.now()).toBeGreaterThan(time))

describe.each(TRANSPORTS)('over %s', (transport) => {
  test('a token that is about to expire is replaced, and nothing is missed over its end', async ({
    server,
    user,
    wire,
  }) => {
    const wanted: number[] = []
    const client = record({
      url: wire.url,
      transport,
      getToken: () => {
        wanted.push(Date.now())
        return mintToken({ sub: user, expiresIn: wanted.length === 1 ? 3 : 3600 })
      },
    })
    await eventually(() => expect(client.getSnapshot().status.state).toBe('live'))
    const end = Date.now() + 3_500
    await eventually(() => expect(wanted).toHaveLength(2))
    const streams = () =>
      wire.requests.filter((line) => /balance\?|stream|socket\.io(?!.*sid=)/.test(line))
    const before = streams().length
    await server.fund(user, 1)
    await past(end)
    await server.fund(user, 1)
    await eventually(() => expect(client.seqs()).toEqual([1, 2, 3, 4]))
    expect(client.getSnapshot()).toMatchObject({ status: { state: 'live' }, error: null })
    // SSE reconnects with a new token. The other transports continue with it.
    if (transport !== 'sse') expect(streams()).toHaveLength(before)
    expect(wanted).toHaveLength(2)
  })

  test('a token that is over ends the client, with the reason, and no further request', async ({
    user,
    wire,
  }) => {
    const token = await mintToken({ sub: user, expiresIn: 3 })
    const client = record({ url: wire.url, transport, token })
    await eventually(() => expect(client.getSnapshot().status.state).toBe('live'))
    await eventually(() => expect(client.getSnapshot().status.state).toBe('refused'))
    expect(client.getSnapshot()).toMatchObject({ balance: 0, error: { code: 'token_expired' } })
    const { length } = wire.requests
    // A retry would follow within 100 ms, the longest delay of this client.
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(wire.requests).toHaveLength(length)
  })

  test('a token that nobody signed is refused, at once and for good', async ({ server, user }) => {
    const { url } = server
    const token = await mintToken({
      sub: user,
      secret: 'another secret, also of 32 bytes or more',
    })
    const client = record({ url, transport, token })
    await eventually(() => expect(client.getSnapshot().status.state).toBe('refused'))
    expect(client.getSnapshot()).toMatchObject({ balance: null, error: { code: 'unauthorized' } })
  })

  test('a refused token is replaced by asking again', async ({ server, user }) => {
    const { url } = server
    const tokens = ['nonsense', await mintToken({ sub: user })]
    const client = record({ url, transport, getToken: () => tokens.shift() ?? 'no more' })
    await eventually(() => expect(client.getSnapshot().status.state).toBe('live'))
    expect(tokens).toEqual([])
  })

  test('a source of tokens that is away when one is revoked is asked until it is back', async ({
    server,
    user,
  }) => {
    const admin = await mintToken({ sub: 'ada', roles: ['admin'] })
    const tokenId = `revoked-${user}`
    let token: string | undefined = await mintToken({ sub: user, id: tokenId })
    let failures = 0
    const client = record({
      url: server.url,
      transport,
      getToken() {
        if (token !== undefined) return token
        failures += 1
        throw new Error('the identity provider is away')
      },
    })
    await eventually(() => expect(client.getSnapshot().status.state).toBe('live'))
    const states = new Set<string>()
    client.subscribe(() => states.add(client.getSnapshot().status.state))
    token = undefined
    await server.call(admin, 'POST /admin/revocations', { tokenId })
    // More often than the limit of rejected tokens.
    await eventually(() => expect(failures).toBeGreaterThan(5))
    expect(client.getSnapshot().error?.code).toBe('token_unavailable')
    token = await mintToken({ sub: user })
    await server.fund(user, 1)
    await eventually(() => expect(client.seqs()).toEqual([1, 2]))
    expect(client.getSnapshot()).toMatchObject({ balance: 1, error: null })
    expect(states).not.toContain('refused')
  })
})

test('a source of tokens that fails is asked again, and says so meanwhile', async ({
  server,
  user,
}) => {
  const { url } = server
  let failures = 0
  const client = record({
    url,
    async getToken() {
      if (failures++ < 3) throw new Error('the identity provider is away')
      return mintToken({ sub: user })
    },
  })
  const errors = new Set<string | undefined>()
  client.subscribe(() => errors.add(client.getSnapshot().error?.message))
  await eventually(() => expect(client.getSnapshot().status.state).toBe('live'))
  expect(errors).toContain('the identity provider is away')
})

test('a token that cannot be replaced serves until it is over or refused', async ({ user }) => {
  const token = await mintToken({ sub: user })
  const answers = [token]
  const tokens = new TokenSource({
    getToken: () => answers.pop() ?? Promise.reject(new Error('the identity provider is away')),
  })
  await expect(tokens.get()).resolves.toBe(token)
  await expect(tokens.renew(token)).rejects.toThrow('away')
  await expect(tokens.get()).resolves.toBe(token)
  await expect(tokens.replace(token)).rejects.toThrow('away')
  await expect(tokens.get()).rejects.toThrow('away')
})

test('refresh asks a refused client in again', async ({ server, user }) => {
  const { url } = server
  let token = 'nonsense'
  const client = record({ url, getToken: () => token })
  await eventually(() => expect(client.getSnapshot().status.state).toBe('refused'))
  token = await mintToken({ sub: user })
  const { balance } = await client.refresh()
  expect(balance).toBe(0)
  await eventually(() => expect(client.getSnapshot().status.state).toBe('live'))
})
