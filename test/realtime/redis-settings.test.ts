import { Redis } from 'ioredis'
import { pino } from 'pino'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parseRedisAddress } from '../../src/config/redis-address.ts'
import { freePort } from '../../src/local/ports.ts'
import type { RedisBus } from '../../src/realtime/bus/redis-bus.ts'
import { FailureLog, failureOf } from '../../src/realtime/bus/redis-failure.ts'
import { createAuthority } from '../support/certificates.ts'
import { describeWithPrivateRedis, eventually, startConfiguredRedis } from '../support/index.ts'
import { FakeLedger } from '../support/realtime/fake-ledger.ts'
import { openRedisBus } from '../support/realtime/redis-bus.ts'

const PASSWORD = 's3cret/p@ss'
const ENCODED = encodeURIComponent(PASSWORD)

const PATIENTLY = { timeout: 60_000 }

interface Line {
  level: number
  msg: string
  reason?: string
  redis?: string
  check?: string
}

/** A bus on this address, with its log. */
function open(url: string) {
  const text: string[] = []
  const logger = pino({ level: 'info' }, { write: (line: string) => void text.push(line) })
  const bus = openRedisBus(url, new FakeLedger(), { probeAfterMs: 200, logger })
  const lines = () => text.map((line): Line => JSON.parse(line))
  return { bus, text, lines }
}

/** Waits until the failure is logged. Resolves with that line. */
async function loggedFailure(
  { bus, text, lines }: ReturnType<typeof open>,
  code: string,
): Promise<Line> {
  const said = () => lines().filter(({ reason }) => reason?.includes(`(${code})`))
  await eventually(() => expect(said()).not.toEqual([]), PATIENTLY)
  expect(bus.link).toEqual({ state: 'disconnected', reason: said()[0]?.reason })
  for (const secret of [PASSWORD, ENCODED]) expect(text.join('')).not.toContain(secret)
  expect(said()).toHaveLength(1)
  expect(said()[0]).toMatchObject({ level: 40, msg: 'redis disconnected' })
  return said()[0] as Line
}

const isLive = (bus: RedisBus) =>
  eventually(() => expect(bus.link).toEqual({ state: 'live' }), PATIENTLY)

describeWithPrivateRedis('a wrong REDIS_URL is reported at start', () => {
  async function redisOf(...configuration: string[]) {
    const { port, folder } = await startConfiguredRedis(configuration)
    return { port, folder, host: `127.0.0.1:${port}` }
  }

  function adminOf(url: string): Redis {
    const admin = new Redis(url)
    admin.on('error', () => {})
    onTestFinished(() => admin.disconnect())
    return admin
  }

  test('a wrong password is logged once, however often it is tried, until it is right', async () => {
    const { host } = await redisOf(`requirepass another`)
    const admin = adminOf(`redis://:another@${host}`)
    const opened = open(`redis://:${ENCODED}@${host}`)
    const tried = async () => {
      const [, count] = /total_connections_received:(\d+)/.exec(await admin.info('stats')) ?? []
      return Number(count)
    }
    await eventually(async () => expect(await tried()).toBeGreaterThan(9), PATIENTLY)
    const { redis, check } = await loggedFailure(opened, 'WRONGPASS')
    expect(redis).toMatch(/^WRONGPASS invalid username-password pair/)
    expect(check).toContain('REDIS_URL')
    await admin.config('SET', 'requirepass', PASSWORD)
    await isLive(opened.bus)
  })

  test('no password where there has to be one', async () => {
    const { host } = await redisOf(`requirepass ${PASSWORD}`)
    const { redis, check } = await loggedFailure(open(`redis://${host}`), 'NOAUTH')
    expect(redis).toMatch(/^NOAUTH /)
    expect(check).toContain('REDIS_URL')
  })

  test.each([
    ['scripts', '-evalsha -eval'],
    ['subscriptions', 'resetchannels &other'],
    ['the keys of balances', 'resetkeys ~livebalance:*'],
  ])('a user who may not use %s, until they may', async (_, rule) => {
    const { host } = await redisOf()
    const admin = adminOf(`redis://${host}`)
    const all = ['on', `>${PASSWORD}`, '~*', '&*', '+@all'] as const
    await admin.acl('SETUSER', 'app', ...all, ...rule.split(' '))
    const opened = open(`redis://app:${ENCODED}@${host}`)
    const { redis, check, reason } = await loggedFailure(opened, 'NOPERM')
    expect(redis).toMatch(/NOPERM|permission/)
    expect(check).toContain('ACL')
    // Anyone may read the reason.
    expect(reason).not.toContain('app')
    // More than enough; the least are in docs/guide/redis.md.
    const rules = '~balance:* ~livebalance:* &balance:updates &livebalance:*'
    const commands = '+@all -@admin -@dangerous +info'
    const user = ['reset', 'on', `>${PASSWORD}`, ...`${rules} ${commands}`.split(' ')]
    await admin.acl('SETUSER', 'app', ...user)
    await isLive(opened.bus)
  })

  test('a certificate that is not trusted', async () => {
    const authority = createAuthority()
    const { cert, key } = authority.issue('localhost')
    const { port, host } = await redisOf(
      `tls-cert-file ${cert}`,
      `tls-key-file ${key}`,
      `tls-ca-cert-file ${authority.ca}`,
      'tls-auth-clients no',
    )
    const { check } = await loggedFailure(
      open(`rediss://localhost:${port}`),
      'SELF_SIGNED_CERT_IN_CHAIN',
    )
    expect(check).toContain('REDIS_TLS_CA')
    // TLS to a server without TLS, and the reverse.
    const plain = await redisOf()
    const hangs = await loggedFailure(open(`rediss://${plain.host}`), 'ETIMEDOUT')
    expect(hangs.check).toContain('redis://')
    const { lines } = open(`redis://${host}`)
    await eventually(() => expect(lines()[0]?.check).toContain('rediss://'), PATIENTLY)
  })

  test('an unknown host, and a host where nothing listens', async () => {
    const unknown = await loggedFailure(
      open(`redis://:${ENCODED}@no-such-host.invalid`),
      'ENOTFOUND',
    )
    expect(unknown.check).toContain('REDIS_URL')
    expect(unknown.reason).not.toContain('invalid')
    const refused = await loggedFailure(
      open(`redis://:${ENCODED}@127.0.0.1:${await freePort()}`),
      'ECONNREFUSED',
    )
    expect(refused.check).toContain('REDIS_URL')
    expect(refused.reason).not.toContain('127.0.0.1')
  })

  test('a node of a cluster', async () => {
    const { host } = await redisOf('cluster-enabled yes')
    const admin = adminOf(`redis://${host}`)
    const opened = open(`redis://${host}`)
    const down = await loggedFailure(opened, 'CLUSTERDOWN')
    expect(down.check).toContain('REDIS_URL')
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    const { redis, check } = await loggedFailure(opened, 'CROSSSLOT')
    expect(redis).toMatch(/^CROSSSLOT Keys in request don't hash to the same slot/)
    expect(check).toContain('cluster')
  })

  test('a node of a cluster that has other keys', async () => {
    const [one, other] = [
      await redisOf('cluster-enabled yes'),
      await redisOf('cluster-enabled yes'),
    ]
    const [here, there] = [adminOf(`redis://${one.host}`), adminOf(`redis://${other.host}`)]
    await there.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    await here.call('CLUSTER', 'MEET', '127.0.0.1', String(other.port))
    await eventually(async () => {
      expect(await here.call('CLUSTER', 'INFO')).toContain('cluster_state:ok')
    }, PATIENTLY)
    const error = await here.get('livebalance:owner').catch((error) => error)
    const { words, reason, check } = failureOf(error)
    expect(words).toMatch(/^MOVED /)
    expect([reason, check].join()).not.toContain(String(other.port))
    expect(check).toContain('cluster')
  })
})

describe('the words of Redis', () => {
  const refusal = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' })

  test('are those of the error, without the place in the script and without the password', () => {
    const oom = "OOM command not allowed when used memory > 'maxmemory'."
    expect(failureOf(refusal(`${oom} script: 1f, on @user_script:16.`)).words).toBe(oom)
    const unknown = `ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' '${PASSWORD}'`
    expect(failureOf(refusal(unknown)).words).toBe("ERR unknown command 'HELLO'")
    const target = parseRedisAddress(`redis://:${ENCODED}@localhost`)
    const failure = failureOf(refusal(`ERR ${'x'.repeat(290)} ${PASSWORD}`), target)
    expect(failure.words).not.toContain(PASSWORD.slice(0, 3))
  })

  test('are said once for each change', () => {
    const said: string[] = []
    const warn = (_: object, text: string) => void said.push(text)
    const log = new FailureLog({ warn } as never)
    const [oom, lost] = [failureOf(refusal('OOM')), failureOf(new Error('Connection is closed.'))]
    log.warn(oom, 'first')
    log.warn(oom, 'again')
    log.warn(lost, 'another')
    log.warn(oom, 'in turns')
    log.recovered()
    log.warn(oom, 'later')
    expect(said).toEqual(['first', 'another', 'later'])
  })
})
