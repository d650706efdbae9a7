import { expect, test } from 'vitest'
import { SystemStatus } from '../../src/observability/system-status.ts'
import { MemoryBus } from '../../src/realtime/bus/memory-bus.ts'
import { silent } from '../support/realtime/balance-server.ts'

const HOST = 'redis-7.internal.example'
type Parts = ConstructorParameters<typeof SystemStatus>[0]

/** What an admin of `acme` is told of a system with these parts. */
function toldOf(parts: {
  state?: Parts['gateway']['health']['state']
  backlog?: Parts['outbox']['backlog']
  elsewhere?: Parts['connectionsElsewhere']
}) {
  const { state = 'live', backlog = async () => ({ rows: 0, oldestSeconds: 0 }) } = parts
  const bus = new MemoryBus({ epoch: 'e1', currency: 'USD', logger: silent })
  const gateway = {
    health: { state, reason: `connect ECONNREFUSED ${HOST}` },
    connections: {
      byTenant: new Map([
        ['acme', 2],
        ['other', 40],
      ]),
    },
  }
  const system = new SystemStatus({
    ...{ version: '1.2.3', bus, log: silent, outbox: { backlog } },
    gateway: gateway as unknown as Parts['gateway'],
    watch: { longestMs: 0 },
    sql: undefined as unknown as Parts['sql'],
    connectionsElsewhere: parts.elsewhere ?? (async (tenant) => (tenant === 'acme' ? 3 : 500)),
  })
  return system.read({ tenant: 'acme' })
}

const OK = { ok: true }

test('an admin is told of the tenant’s own connections, and that all is well', async () => {
  expect(await toldOf({})).toEqual({
    ...{ scope: 'tenant', version: '1.2.3', connections: 5 },
    ...{ payments: OK, events: OK },
  })
})

test.for([
  ['disconnected', 0, /^Events come a few seconds late/],
  ['stalled', 0, /^Events come a few seconds late/],
  ['reconciling', 0, /compared with the ledger/],
  ['live', 8, /^Events come 8 seconds late/],
] as const)(
  'while streams are %s, and the oldest event waits for %i s, it says so in words that name no host',
  async ([state, oldestSeconds, words]) => {
    const told = await toldOf({ state, backlog: async () => ({ rows: 1, oldestSeconds }) })
    expect(told).toMatchObject({
      payments: OK,
      events: { ok: false, reason: expect.stringMatching(words) },
    })
    expect(JSON.stringify(told)).not.toContain(HOST)
  },
)

test('while Postgres does not answer, no money can move and the connections are not known', async () => {
  const fails = async () => {
    throw new Error('there is no Postgres')
  }
  expect(await toldOf({ backlog: fails, elsewhere: fails })).toEqual({
    ...{ scope: 'tenant', version: '1.2.3', connections: null },
    ...{ payments: { ok: false, reason: expect.stringMatching(/no money can move/) }, events: OK },
  })
})
