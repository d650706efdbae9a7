import { expect, onTestFinished } from 'vitest'
import { ApiKeyStore } from '../../src/auth/api-key-store.ts'
import { ApiKeys } from '../../src/auth/api-keys.ts'
import { createAuthenticator } from '../../src/auth/authenticator.ts'
import { createAccess, createGate } from '../../src/auth/gate.ts'
import type { RevocationList } from '../../src/auth/principal.ts'
import { PostgresRevocations } from '../../src/auth/revocation-store.ts'
import { Revocations } from '../../src/auth/revocations.ts'
import type { Scope } from '../../src/auth/scopes.ts'
import { TenantStore } from '../../src/tenants/tenant-store.ts'
import { Tenants } from '../../src/tenants/tenants.ts'
import { test } from '../support/fixtures.ts'
import { eventually, mintToken, TEST_SECRET } from '../support/index.ts'
import { connectBy, silent, startServer, TRANSPORTS } from '../support/realtime/balance-server.ts'

const nothingRevoked: RevocationList = { covers: () => false, onRevoked: () => () => {} }

/** A server that lets in tenants and keys as they are in the database. */
async function start(
  sql: ConstructorParameters<typeof TenantStore>[0],
  revocations: RevocationList = nothingRevoked,
) {
  const options = { log: silent, announce: async () => {}, pollEveryMs: 100 }
  const tenants = await Tenants.open({ store: new TenantStore(sql), ...options })
  const keys = await ApiKeys.open({ store: new ApiKeyStore(sql), ...options })
  onTestFinished(async () => {
    tenants.close()
    await keys.close()
  })
  const gate = createGate({ tenants, keys })
  const tokens = createAuthenticator({ keys: { kind: 'secret', secret: TEST_SECRET }, tenants })
  const server = await startServer({
    ...{ authenticator: createAccess(tokens, gate, keys), gate, tenants, revocations },
  })
  return { ...server, tenants, keys }
}

test.for(TRANSPORTS)(
  '%s: the streams of a suspended tenant end, and no others',
  async (how, { sql }) => {
    const { url, tenants, gateway } = await start(sql)
    const id = `suspended-${TRANSPORTS.indexOf(how)}`
    await tenants.create(id, id, {}, 'opal')
    const token = await mintToken({ sub: 'ann', tenant: id })
    const ticket = gateway.tickets.issue({
      ...{ tenant: id, userId: 'ann', isAdmin: false, isService: false },
      expiresAt: Date.now() / 1000 + 600,
    })
    const theirs = connectBy[how](url, token)
    const others = connectBy[how](url, await mintToken({ sub: 'ann' }))
    await eventually(() => {
      for (const { received } of [theirs, others])
        expect(received[0]?.event).toBe('balance_initial')
    })
    // By another process, of which this one hears nothing.
    await new TenantStore(sql).suspend(id, null, 'opal')
    await theirs.failure
    expect(theirs.received.at(-1)).toMatchObject({
      event: 'error',
      data: { code: 'tenant_suspended' },
    })
    expect(others.received).toHaveLength(1)
    for (const credential of [token, (await ticket).ticket]) {
      const refused = await connectBy[how](url, credential).failure
      expect(refused).toMatchObject(
        how === 'Socket.IO' ? { code: 'tenant_suspended' } : { status: 403 },
      )
    }
    await tenants.resume(id)
    const again = connectBy[how](url, token)
    await eventually(() => expect(again.received[0]?.event).toBe('balance_initial'))
  },
)

test('a stream of a key ends when the key is revoked', async ({ sql }) => {
  const { url, keys } = await start(sql)
  const asked = { tenant: 'default', kind: 'service', name: 'shop', userId: null } as const
  const more = { roles: ['service'], scopes: null, expiresAt: null } as const
  const made = await keys.create({ ...asked, ...more }, 'opal')
  const stream = connectBy.SSE(url, made?.secret ?? '')
  await eventually(() => expect(stream.received[0]?.event).toBe('balance_initial'))
  await new ApiKeyStore(sql).revoke('default', made?.key.id ?? '', 'opal')
  await stream.failure
  expect(stream.received.at(-1)).toMatchObject({ event: 'error', data: { code: 'token_revoked' } })
})

test('a stream of a rotated key ends with the overlap, and one of the new key does not', async ({
  sql,
}) => {
  const { url, keys } = await start(sql)
  const asked = { tenant: 'default', kind: 'service', name: 'shop', userId: null } as const
  const more = { roles: ['service'], scopes: null, expiresAt: null } as const
  const made = await keys.create({ ...asked, ...more }, 'opal')
  const before = connectBy.SSE(url, made?.secret ?? '')
  await eventually(() => expect(before.received).toHaveLength(1))
  const rotated = await keys.rotate('default', made?.key.id ?? '', 1, null)
  const after = connectBy.SSE(url, rotated?.secret ?? '')
  await eventually(() => expect(after.received).toHaveLength(1))
  await before.failure
  expect(before.received.at(-1)).toMatchObject({ event: 'error', data: { code: 'token_expired' } })
  expect(after.received).toHaveLength(1)
})

test.for(TRANSPORTS)(
  '%s: an operator who acts as an admin does not get the stream of the user with their id',
  async (how, { sql }) => {
    const { url, keys, gateway } = await start(sql)
    const made = await keys.create(
      {
        ...{ tenant: 'default', kind: 'operator', name: 'operator', userId: 'opal', scopes: null },
        ...{ roles: ['admin'], expiresAt: new Date(Date.now() + 60_000).toISOString() },
      },
      'opal',
    )
    const token = made?.secret ?? ''
    const { ticket } = await gateway.tickets.issue(await keys.authenticate(token))
    for (const credential of [token, ticket]) {
      const refused = await connectBy[how](url, credential).failure
      expect(refused).toMatchObject(how === 'Socket.IO' ? { code: 'forbidden' } : { status: 403 })
    }
    const stream = connectBy[how](url, await mintToken({ sub: 'opal' }))
    await eventually(() => expect(stream.received).toHaveLength(1))
  },
)

test('a stream of a key goes on when the tokens of its user are revoked, and so does a ticket of it', async ({
  sql,
}) => {
  const revocations = await Revocations.open({
    ...{ store: new PostgresRevocations(sql), log: silent, announce: async () => {} },
  })
  onTestFinished(() => revocations.close())
  const { url, keys, gateway, change } = await start(sql, revocations)
  const made = await keys.create(
    {
      ...{ tenant: 'default', kind: 'service', name: 'shop', userId: 'keyed', scopes: null },
      ...{ roles: ['service'], expiresAt: null },
    },
    'opal',
  )
  const secret = made?.secret ?? ''
  const ofKey = connectBy.SSE(url, secret)
  const ofToken = connectBy.SSE(url, await mintToken({ sub: 'keyed' }))
  await eventually(() => {
    for (const { received } of [ofKey, ofToken]) expect(received).toHaveLength(1)
  })
  const { ticket } = await gateway.tickets.issue(await keys.authenticate(secret))
  const revoked = { userId: 'keyed', reason: null, revokedBy: 'ada', expiresAt: null }
  await revocations.revoke({ tenant: 'default', ...revoked })
  await ofToken.failure
  const byTicket = connectBy.SSE(url, ticket)
  await eventually(() => expect(byTicket.received[0]?.event).toBe('balance_initial'))
  await change({ tenant: 'default', userId: 'keyed' }, 100n)
  for (const { seqs } of [ofKey, byTicket]) await eventually(() => expect(seqs().at(-1)).toBe(2))
})

test('a stream is not kept open by a key that may not read', async ({ sql }) => {
  const { url, keys } = await start(sql)
  const asked = { tenant: 'default', kind: 'service', name: 'shop', userId: 'ann' } as const
  const keyWith = async (scopes: Scope[]) => {
    const roles = ['service'] as const
    return (await keys.create({ ...asked, roles, scopes, expiresAt: null }, 'opal'))?.secret ?? ''
  }
  const narrow = await keyWith(['webhooks:read'])
  expect(await connectBy.WebSocket(url, narrow).failure).toMatchObject({ status: 403 })
  const stream = connectBy.WebSocket(url, await keyWith(['transactions:read']))
  await eventually(() => expect(stream.received).toHaveLength(1))
  stream.send('authenticate', narrow)
  await eventually(() =>
    expect(stream.received.at(-1)).toMatchObject({ data: { code: 'forbidden' } }),
  )
})

test('a tenant at its quota of streams gets no more, and another one does', async ({ sql }) => {
  const { url, tenants } = await start(sql)
  await tenants.create('few', 'Few', { maxConnections: 2 }, 'opal')
  const connect = async (sub: string, tenant: string) =>
    connectBy.SSE(url, await mintToken({ sub, tenant }))
  const open = [await connect('ann', 'few'), await connect('bob', 'few')]
  await eventually(() => {
    for (const { received } of open) expect(received).toHaveLength(1)
  })
  expect(await (await connect('cid', 'few')).failure).toMatchObject({ status: 429 })
  const headers = {
    Authorization: `Bearer ${await mintToken({ sub: 'cid', tenant: 'few' })}`,
  }
  const refused = await fetch(`${url}/balance/stream`, { headers })
  expect(await refused.json()).toMatchObject({
    ...{ code: 'too_many_connections', message: 'This tenant has too many connections open.' },
  })
  expect(refused.headers.get('Retry-After')).toBe('5')
  const other = await connect('cid', 'default')
  await eventually(() => expect(other.received).toHaveLength(1))
  await tenants.change('few', undefined, { maxConnections: null })
  const more = await connect('cid', 'few')
  await eventually(() => expect(more.received).toHaveLength(1))
})
