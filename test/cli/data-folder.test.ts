import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { dataFolderOf } from '../../src/local/postgres.ts'
import { inProcess, start } from '../support/cli/livebalance.ts'
import { type CliServer, startServerWith } from '../support/cli/server.ts'
import { describeWithPrivateRedis } from '../support/index.ts'

/** A data folder that does not exist yet, in one that any account may enter. */
function newDataDir(): string {
  const parent = mkdtempSync(join(inject('runFolder'), 'cli-'))
  chmodSync(parent, 0o711)
  return join(parent, 'data')
}

describe('where no server has run', () => {
  test.each([
    [['topups', 'list'], 'no_secret'],
    [['topups', 'approve', 'x'], 'no_secret'],
    [['recalculate', 'alice'], 'no_secret'],
    [['tail', '--user', 'alice'], 'no_secret'],
    [['tail', '--user', 'alice', '--url', 'http://127.0.0.1:7'], 'no_secret'],
    [['audit'], 'no_database'],
    [['epoch', 'show'], 'no_database'],
    [['epoch', 'renew'], 'no_database'],
  ])('%j says so, names the folder and leaves nothing behind', async (args, code) => {
    const dataDir = newDataDir()
    const ran = await inProcess({ DATA_DIR: dataDir }, ...args, '--json')
    expect([ran.code, ran.stdout]).toEqual([1, ''])
    const { error } = JSON.parse(ran.stderr)
    expect(error).toEqual({ code, message: expect.stringContaining(`the data folder ${dataDir}`) })
    expect(existsSync(dataDir)).toBe(false)
  })

  test('tail without a Redis or a user is wrong usage, and leaves nothing behind', async () => {
    const dataDir = newDataDir()
    expect(await inProcess({ DATA_DIR: dataDir }, 'tail')).toMatchObject({ code: 2 })
    expect(existsSync(dataDir)).toBe(false)
  })

  test('token makes the secret that a server there will have, in a folder that its Postgres can enter', async () => {
    const dataDir = newDataDir()
    const umask = process.umask(0o077)
    const { code } = await inProcess({ DATA_DIR: dataDir }, 'token', '--sub', 'alice')
    process.umask(umask)
    expect(code).toBe(0)
    expect(statSync(dataDir).mode & 0o777).toBe(0o711)
    expect(existsSync(join(dataDir, 'jwt-secret'))).toBe(true)
  })

  test('migrate makes the database, which audit then reads', async () => {
    const env = { DATA_DIR: newDataDir() }
    expect(await inProcess(env, 'migrate')).toMatchObject({ code: 0 })
    expect(await inProcess(env, 'audit')).toMatchObject({ code: 0, stderr: '' })
  })
})

// Root's Postgres runs as somebody else, so that its data lies elsewhere.
describeWithPrivateRedis('beside a server in a folder that only its owner may enter', () => {
  let server: CliServer
  let dataFolder: string

  beforeAll(async () => {
    const closed = join(newDataDir(), 'closed')
    mkdirSync(closed, { recursive: true })
    chmodSync(closed, 0o700)
    const dataDir = join(closed, 'data')
    server = await startServerWith({ DATA_DIR: dataDir })
    dataFolder = dataFolderOf(dataDir)
  })
  afterAll(async () => {
    await server?.close()
    if (dataFolder) rmSync(dataFolder, { recursive: true, force: true })
  })

  test('commands find its secret, its Redis and its database', async () => {
    expect(await inProcess(server.env, 'topups', 'list')).toMatchObject({ code: 0, stderr: '' })
    const { stdout } = await inProcess(server.env, 'epoch', 'show')
    expect(stdout).toMatch(/^\w+\n$/)
    const tail = await start(server.env, 'tail')
    await tail.printed(/Listening/)
    expect((await tail.interrupt()).code).toBe(0)
  })

  test('audit finds the database once the server has ended, too', async () => {
    await server.close()
    expect(await inProcess(server.env, 'audit')).toMatchObject({ code: 0, stderr: '' })
  })
})

test.runIf(process.platform === 'linux')(
  'where no folder can be made, that is said in a line',
  async () => {
    const ran = await start({ DATA_DIR: '/proc/livebalance' }, 'token', '--sub', 'a')
    const { code, stderr } = await ran.end
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^livebalance: The data folder .*\n$/),
    ])
  },
)
