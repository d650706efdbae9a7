import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Redis } from 'ioredis'
import pino from 'pino'
import { beforeEach, describe, expect, inject, test } from 'vitest'
import { identifyProcess } from '../../src/local/folder-lock.ts'
import { startRedis } from '../../src/local/redis.ts'
import { describeWithPrivateRedis, eventually } from '../support/index.ts'
import { hold } from '../support/local/held.ts'

const log = pino({ level: 'silent' })

let dataDir: string
beforeEach(() => {
  dataDir = join(mkdtempSync(join(inject('runFolder'), 'redis-')), 'a folder')
})

async function started() {
  const redis = await startRedis({ dataDir, log })
  if (!redis) throw new Error('redis-server was there a moment ago')
  return redis
}

describeWithPrivateRedis('the private Redis', () => {
  test('answers who has the password, which no list of processes shows', async () => {
    const server = await started()
    const client = new Redis(server.url)
    expect(await client.ping()).toBe('PONG')
    client.disconnect()

    const { port, password } = new URL(server.url)
    const stranger = new Redis(Number(port), { retryStrategy: () => null })
    stranger.on('error', () => {})
    await expect(stranger.ping()).rejects.toThrow('NOAUTH')
    stranger.disconnect()
    expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.toContain(password)
    await server.close()
  })

  test('ends with its server and leaves nothing but a log', async () => {
    const server = await started()
    expect(server.description).toMatch(/^(redis|valkey)-server \d+\.\d+/)
    await server.close()
    expect(identifyProcess(server.pid)).toBeNull()
    expect(readdirSync(dataDir)).toEqual(['redis.log'])
  })

  test('of a killed server is ended by the next start', async () => {
    const killed = await hold('redis', dataDir)
    const pid = killed.first.held?.pid ?? 0
    await killed.signal('SIGKILL')
    expect(identifyProcess(pid)).not.toBeNull()
    const next = await started()
    expect(identifyProcess(pid)).toBeNull()
    await next.close()
  })

  test('ends with a server that exits without closing it', async () => {
    const careless = await hold('redis', dataDir)
    const pid = careless.first.held?.pid ?? 0
    expect(identifyProcess(pid)).not.toBeNull()
    await careless.signal('SIGUSR2')
    await eventually(() => expect(identifyProcess(pid)).toBeNull())
  })

  test('is left alone by a second server on the same folder', async () => {
    const server = await started()
    const second = await hold('redis', dataDir)
    expect(second.first.error).toBe('FolderInUse')
    expect(identifyProcess(server.pid)).not.toBeNull()
    await server.close()
  })
})

describe('without redis-server or valkey-server on the PATH', () => {
  test('there is no private Redis, and no error', async () => {
    const held = await hold('redis', dataDir, { env: { PATH: dirname(dataDir) } })
    expect(held.first).toEqual({ held: null })
    await held.signal('SIGINT')
  })
})
