import { expect } from 'vitest'
import { Browser, type Tab } from '../support/client/browser.ts'
import { test as base } from '../support/client/fixtures.ts'
import { eventually, mintToken } from '../support/index.ts'

const test = base
  .extend('browser', async ({}) => new Browser())
  .extend('options', async ({ wire, user }) => ({
    url: wire.url,
    token: await mintToken({ sub: user }),
  }))
  /** Opens this many tabs, and waits until all are live. */
  .extend('openTabs', async ({ browser, options }) => {
    return async (count: number): Promise<[Tab, ...Tab[]]> => {
      const first = browser.open(options)
      await eventually(() => isLive(first))
      const others = Array.from({ length: count - 1 }, () => browser.open(options))
      await eventually(() => others.forEach(isLive))
      return [first, ...others]
    }
  })
  /** How many streams were opened. */
  .extend('streams', async ({ wire }) => {
    return () => wire.requests.filter((line) => /\/balance(\/stream)?\?/.test(line)).length
  })

const role = (tab: Tab) => tab.getSnapshot().status.role
const isLive = (tab: Tab) => expect(tab.getSnapshot().status.state).toBe('live')

test('five tabs of a user share one connection, and each gets each event once', async ({
  openTabs,
  server,
  streams,
  user,
}) => {
  await server.fund(user, 10)
  const tabs = await openTabs(5)
  expect(tabs.map(role)).toEqual(['leader', 'follower', 'follower', 'follower', 'follower'])
  expect(tabs.map((tab) => tab.getSnapshot().balance)).toEqual([10, 10, 10, 10, 10])
  for (let i = 0; i < 3; i++) await server.fund(user, 1)
  for (const tab of tabs) {
    await eventually(() => expect(tab.seqs()).toEqual([3, 4, 5, 6, 7, 8]))
    expect(tab.getSnapshot()).toMatchObject({ balance: 13, seq: 8, error: null })
  }
  expect(streams()).toBe(1)
})

test.for(['close', 'crash'] as const)(
  'after a %s of the leading tab another one leads, and nobody misses or repeats an event',
  async (end, { openTabs, server, streams, user }) => {
    const [first, ...others] = await openTabs(4)
    await server.fund(user, 1)
    for (const tab of others) await eventually(() => expect(tab.seqs()).toEqual([1, 2]))
    first[end]()
    await server.fund(user, 1)
    await server.fund(user, 1)
    for (const tab of others) {
      await eventually(() => expect(tab.seqs()).toEqual([1, 2, 3, 4, 5, 6]))
      await eventually(() => isLive(tab))
    }
    expect(others.map(role).sort()).toEqual(['follower', 'follower', 'leader'])
    expect(streams()).toBe(2)
  },
)

test('a leader that the browser froze is replaced once somebody looks at another tab', async ({
  openTabs,
  server,
  user,
}) => {
  const [first, second, third] = (await openTabs(3)) as [Tab, Tab, Tab]
  first.freeze()
  second.awake()
  await eventually(() => expect(role(second)).toBe('leader'))
  await server.fund(user, 1)
  for (const tab of [second, third]) await eventually(() => expect(tab.seqs()).toEqual([1, 2]))
  await eventually(() => expect(role(first)).toBe('follower'))
})

test('a page that was put away and taken out again has the balance, and says what it missed', async ({
  openTabs,
  server,
  user,
}) => {
  const [first, second] = (await openTabs(2)) as [Tab, Tab]
  const starts: unknown[] = []
  second.on('balance_initial', (initial) => starts.push(initial))
  second.putAway(true)
  await server.fund(user, 1)
  await eventually(() => expect(first.seqs()).toEqual([1, 2]))
  second.putAway(false)
  await eventually(() => expect(second.getSnapshot().balance).toBe(1))
  expect(starts).toMatchObject([{ recovered: false, seq: 2 }])
  await server.fund(user, 1)
  await eventually(() => expect(second.seqs()).toEqual([3, 4]))
})

test('the followers know when the connection is lost, and when it is back', async ({
  openTabs,
  server,
  user,
  wire,
}) => {
  const [first, second] = (await openTabs(2)) as [Tab, Tab]
  wire.down = true
  wire.cut()
  for (const tab of [first, second]) {
    await eventually(() => expect(tab.getSnapshot().status.state).toBe('reconnecting'))
    await eventually(() => expect(tab.getSnapshot().error?.code).toBe('unreachable'))
  }
  await server.fund(user, 1)
  wire.down = false
  for (const tab of [first, second]) {
    await eventually(() => expect(tab.seqs()).toEqual([1, 2]))
    await eventually(() => isLive(tab))
    expect(tab.getSnapshot().error).toBeNull()
  }
})

test('a leader whose token is over makes way for a tab with a better one', async ({
  browser,
  options,
  server,
  user,
}) => {
  const token = await mintToken({ sub: user, expiresIn: 3 })
  const first = browser.open({ ...options, token })
  await eventually(() => isLive(first))
  const second = browser.open(options)
  await eventually(() => isLive(second))
  expect([first, second].map(role)).toEqual(['leader', 'follower'])
  await eventually(() => expect(role(second)).toBe('leader'))
  await server.fund(user, 1)
  for (const tab of [first, second]) await eventually(() => expect(tab.seqs()).toEqual([1, 2]))
})

test('a tab whose token is over, and whose leader closed, is refused again, and says why', async ({
  browser,
  options,
  server,
  user,
}) => {
  const token = await mintToken({ sub: user, expiresIn: 3 })
  const first = browser.open({ ...options, token })
  await eventually(() => isLive(first))
  const second = browser.open(options)
  await eventually(() => isLive(second))
  await eventually(() => expect(role(second)).toBe('leader'))
  await server.fund(user, 1)
  await eventually(() => expect(first.seqs()).toEqual([1, 2]))
  expect(first.getSnapshot()).toMatchObject({ status: { state: 'live' }, error: null })
  second.close()
  first.awake()
  await eventually(() => expect(first.getSnapshot().status.state).toBe('refused'), {
    timeout: 60_000,
  })
  expect(first.getSnapshot()).toMatchObject({ balance: 1, error: { code: 'token_expired' } })
  const third = browser.open(options)
  for (const tab of [third, first]) await eventually(() => isLive(tab))
  await server.fund(user, 1)
  await eventually(() => expect(first.getSnapshot().balance).toBe(2))
})

test('a tab that was refused does not ask again and again', async ({ browser, options, wire }) => {
  const tab = browser.open({ ...options, token: `${options.token}x` })
  await eventually(() => expect(tab.getSnapshot().status.state).toBe('refused'))
  const { length } = wire.requests
  tab.awake()
  // A follower waits 3 s for an answer of the leader: only after that it would ask again.
  await new Promise((resolve) => setTimeout(resolve, 3_500))
  expect([wire.requests.length, tab.getSnapshot().status.state]).toEqual([length, 'refused'])
})

test('tabs of different users, or with another currency, do not share', async ({
  browser,
  openTabs,
  options,
  server,
  streams,
  user,
}) => {
  const [first] = await openTabs(1)
  const other = browser.open({ ...options, token: await mintToken({ sub: `${user}-other` }) })
  const euros = browser.open({ ...options, currency: 'EUR' })
  const apart = browser.open({ ...options, share: false })
  for (const tab of [other, euros, apart]) await eventually(() => isLive(tab))
  expect([first, other, euros, apart].map((tab) => tab && role(tab))).toEqual([
    'leader',
    'leader',
    'leader',
    'alone',
  ])
  await server.fund(user, 1)
  await eventually(() => expect(euros.seqs()).toEqual([1, 2]))
  expect(euros.getSnapshot()).toMatchObject({ balance: 0, currency: 'EUR' })
  expect(other.seqs()).toEqual([])
  expect(streams()).toBe(4)
})

test('without a network the client says so, and is back at once when the browser says it is', async ({
  browser,
  options,
  wire,
}) => {
  const tab = browser.open({ ...options, retry: { minDelay: 60_000, maxDelay: 60_000 } }, false)
  await eventually(() => isLive(tab))
  wire.down = true
  wire.cut()
  await eventually(() => expect(tab.getSnapshot().status.state).toBe('offline'))
  wire.down = false
  tab.awake()
  await eventually(() => isLive(tab))
})
