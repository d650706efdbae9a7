import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { parseRedisAddress } from '../../src/config/redis-address.ts'
import { watchFailovers } from '../../src/realtime/bus/redis-sentinel.ts'
import { describeWithPrivateRedis, eventually, startConfiguredRedis } from '../support/index.ts'
import { startInstallation } from '../support/realtime/failover.ts'
import { FakeLedger } from '../support/realtime/fake-ledger.ts'
import { openRedisBus } from '../support/realtime/redis-bus.ts'
import { startSentinels } from '../support/realtime/sentinel.ts'
import { startStalledProxy } from '../support/realtime/stalled-proxy.ts'

const measured = (what: string, ms: number) => {
  if (process.env.MEASURE) console.log(`${what}: ${Math.round(ms)} ms`)
}

describeWithPrivateRedis('Redis behind Sentinel', () => {
  test('the primary dies under load: every event arrives once, in order, and the old one harms nobody as a replica', async () => {
    const { hosts, name, primary, primaryPort, switchedFrom } = await startSentinels()
    const installation = await startInstallation({
      REDIS_SENTINELS: hosts,
      REDIS_SENTINEL_MASTER: name,
    })
    const { stop, lateness } = installation.pay()
    await eventually(() => expect(installation.clients[0]?.seqs().length).toBeGreaterThan(20))
    const died = performance.now()
    await primary.kill()
    const decided = await switchedFrom(primary.port)
    await installation.ready()
    measured('from the death to the decision', decided - died)
    measured('from the decision until both servers are live', performance.now() - decided)
    await installation.got(await stop())
    measured('latest event after the death', lateness.after(died))
    measured('latest event after the decision', lateness.after(decided))

    await primary.restart()
    const old = new Redis(primary.port)
    onTestFinished(() => old.disconnect())
    const more = installation.pay()
    // Sentinel does the same, after ten seconds.
    await old.replicaof('127.0.0.1', await primaryPort())
    await eventually(async () => {
      expect(await old.info('replication')).toContain('master_link_status:up')
    })
    await installation.got(await more.stop())
    await installation.ready()
    expect(await primaryPort()).not.toBe(primary.port)
  })

  test('the primary hangs and comes back after the failover: nobody goes on to use it', async () => {
    const setup = await startSentinels()
    const installation = await startInstallation({
      REDIS_URL: `redis-sentinel://${setup.hosts}/${setup.name}`,
    })
    const { stop, lateness } = installation.pay()
    await eventually(() => expect(installation.clients[0]?.seqs().length).toBeGreaterThan(20))
    const hung = performance.now()
    setup.primary.pause()
    const decided = await setup.switchedFrom(setup.primary.port)
    setup.primary.resume()
    await installation.ready()
    measured('hang: until both servers are live', performance.now() - decided)
    const events = await stop()
    await installation.got(events)
    measured('hang: latest event', lateness.after(hung))
    measured('hang: latest event after the decision', lateness.after(decided))
  })

  test('every switch that a Sentinel reports is noticed, also after the Sentinel was restarted', async () => {
    // Any Redis can say what a Sentinel says.
    const sentinel = await startConfiguredRedis([])
    const target = parseRedisAddress(`redis-sentinel://127.0.0.1:${sentinel.port}/main`)
    let switches = 0
    const stop = watchFailovers(target as never, () => {
      switches += 1
    })
    onTestFinished(stop)
    const admin = new Redis(sentinel.port, { retryStrategy: () => 50 })
    admin.on('error', () => {})
    onTestFinished(() => admin.disconnect())
    const say = (name: string) => admin.publish('+switch-master', `${name} 127.0.0.1 1 127.0.0.1 2`)
    await eventually(async () => expect(await say('other')).toBe(1))
    expect(switches).toBe(0)
    await say('main')
    await eventually(() => expect(switches).toBe(1))
    await sentinel.kill()
    await sentinel.restart()
    await eventually(async () => expect(await say('main')).toBe(1))
    await eventually(() => expect(switches).toBe(2))
  })

  test('passwords of the servers and of the Sentinels, a database number, and addresses behind NAT', async () => {
    const guide = readFileSync('docs/guide/redis.md', 'utf8').replaceAll(/\s+/g, ' ')
    const [, rules] = /A restricted user needs `([^`]+)`/.exec(guide) ?? []
    const { hosts, name, primary, sentinels } = await startSentinels({
      password: 'p@ss',
      sentinelPassword: 's/entinel',
      // The rules of the guide.
      sentinelLines: [`user livebalance on >t ${rules}`],
    })
    const outside = await startStalledProxy(`redis://127.0.0.1:${primary.port}`)
    const ledger = new FakeLedger()
    const login = `:${encodeURIComponent('p@ss')}@`
    const query = `sentinelUsername=livebalance&sentinelPassword=t&natMap=127.0.0.1:${primary.port}=${new URL(outside.url).host}`
    const bus = openRedisBus(`redis-sentinel://${login}${hosts}/${name}/3?${query}`, ledger)
    await eventually(() => expect(bus.link).toEqual({ state: 'live' }))
    await bus.tickets.put('ticket', 'value', 30)
    const admin = new Redis(primary.port, { password: 'p@ss', db: 3 })
    onTestFinished(() => admin.disconnect())
    expect(await admin.get('livebalance:ticket:ticket')).toBe('value')
    expect(String(await admin.client('LIST'))).toContain('name=livebalance-subscriber')
    const sentinel = new Redis(sentinels[0]?.port ?? 0, { password: 's/entinel' })
    onTestFinished(() => sentinel.disconnect())
    await eventually(async () => {
      expect(String(await sentinel.client('LIST'))).toMatch(/name=livebalance-failover .*sub=1/)
    })
    const log = (await sentinel.acl('LOG')) as unknown[]
    const denied = log.map(String).filter((line) => !line.includes('setinfo'))
    expect(denied).toEqual([])
    outside.dropCommands()
    await eventually(() => expect(bus.link.state).toBe('disconnected'))
  })

  test('an unknown name, a wrong password of the Sentinels, and Sentinels that are all down are one clear warning each', async () => {
    const { hosts, sentinels } = await startSentinels({ sentinelPassword: 'right' })
    const warningOf = async (code: string, path: string) => {
      const lines: Record<string, unknown>[] = []
      const write = (line: string) => void lines.push(JSON.parse(line))
      const logger = pino({ level: 'warn' }, { write })
      const url = `redis-sentinel://${hosts}/${path}`
      const bus = openRedisBus(url, new FakeLedger(), { probeAfterMs: 100, logger })
      await eventually(() => expect(bus.link.reason).toContain(`(${code})`))
      await eventually(() => expect(lines).toHaveLength(1))
      expect(JSON.stringify(lines)).not.toMatch(/hunter2|\\n/)
      return lines[0]
    }
    const warning = (code: string, check: RegExp) => ({
      level: 40,
      msg: 'redis disconnected',
      reason: expect.stringContaining(`(${code})`),
      check: expect.stringMatching(check),
    })
    expect(await warningOf('SENTINEL_UNKNOWN', 'other?sentinelPassword=right')).toMatchObject(
      warning('SENTINEL_UNKNOWN', /REDIS_SENTINEL_MASTER/),
    )
    expect(await warningOf('SENTINEL_AUTH', 'main?sentinelPassword=hunter2')).toMatchObject(
      warning('SENTINEL_AUTH', /REDIS_SENTINEL_PASSWORD/),
    )
    expect(await warningOf('SENTINEL_AUTH', 'main')).toMatchObject(
      warning('SENTINEL_AUTH', /REDIS_SENTINEL_PASSWORD/),
    )
    await Promise.all(sentinels.map((sentinel) => sentinel.kill()))
    expect(await warningOf('SENTINEL_DOWN', 'main?sentinelPassword=right')).toMatchObject(
      warning('SENTINEL_DOWN', /hosts and ports of the Sentinels/),
    )
  })
})
