import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { describeWithValkey, eventually, startConfiguredRedis } from '../support/index.ts'
import { startInstallation } from '../support/realtime/failover.ts'

describeWithValkey('Valkey', () => {
  test('a whole server works with it, as the user of least privilege', async () => {
    const page = readFileSync('docs/guide/redis.md', 'utf8')
    const [, rules = ''] = /^ACL SETUSER livebalance (.*)$/m.exec(page) ?? []
    const { port } = await startConfiguredRedis([], undefined, 'server', ['valkey-server'])
    const admin = new Redis(port)
    onTestFinished(() => admin.disconnect())
    expect(await admin.info('server')).toMatch(/^valkey_version:/m)
    await admin.acl('SETUSER', 'livebalance', ...rules.split(' '))
    const installation = await startInstallation({
      REDIS_URL: `valkey://livebalance:password@127.0.0.1:${port}`,
    })
    const { stop } = installation.pay()
    await eventually(() => expect(installation.clients[0]?.seqs().length).toBeGreaterThan(5))
    await installation.got(await stop())
    expect(await admin.get('balance:user:alice')).toMatch(/^\d+$/)
    expect(installation.warnings().filter(({ msg }) => String(msg).includes('redis'))).toEqual([])
    expect(await admin.acl('LOG')).toEqual([])
  })
})
