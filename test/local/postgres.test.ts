import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import postgres from 'postgres'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { canEnter, chooseAccount } from '../../src/local/data-folder.ts'
import { identifyProcess } from '../../src/local/folder-lock.ts'
import { startPostgres } from '../../src/local/postgres.ts'
import { eventually } from '../support/index.ts'
import { type Held, hold, spawnHolder } from '../support/local/held.ts'

const log = pino({ level: 'silent' })
const isRoot = process.geteuid?.() === 0
const NOBODY = { uid: 65_534, gid: 65_534 }
const canBecomeNobody = isRoot && canEnter(NOBODY, import.meta.dirname)

/** A new folder that any account may enter. */
function newFolder(name = 'data'): string {
  const parent = mkdtempSync(join(inject('runFolder'), 'embedded-'))
  chmodSync(parent, 0o711)
  return join(parent, name)
}

async function query<T>(url: string, statement: string): Promise<T[]> {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  try {
    return [...(await sql.unsafe(statement))] as T[]
  } finally {
    await sql.end()
  }
}

function holding(held: Held) {
  if (!held.first.held) throw new Error(held.first.message ?? 'it did not start')
  return held.first.held
}

describe('the private Postgres', () => {
  // With spaces, and longer than the 107 bytes that a socket's path may have.
  const dataDir = newFolder(join('a folder with spaces', 'x'.repeat(120)))
  const start = () => startPostgres({ dataDir, log })
  const count = async (url: string) => {
    const [row] = await query<{ n: number }>(url, 'select count(*)::int as n from kept')
    return row?.n
  }

  test('keeps its data from one start to the next', async () => {
    const first = await start()
    await query(first.ownerUrl, 'create table kept as select 1 as n')
    await first.close()
    expect(identifyProcess(first.pid)).toBeNull()

    const second = await start()
    expect(await count(second.ownerUrl)).toBe(1)
    await second.close()
  })

  test('recovers what was committed after the server was killed, and ends the Postgres that stayed', async () => {
    const killed = await hold('postgres', dataDir)
    const { ownerUrl, pid } = holding(killed)
    await query(ownerUrl, 'insert into kept values (2)')
    await killed.signal('SIGKILL')
    expect(identifyProcess(pid)).not.toBeNull()

    const next = await start()
    expect(identifyProcess(pid)).toBeNull()
    expect(await count(next.ownerUrl)).toBe(2)
    await next.close()
  })

  test('recovers after Postgres was killed together with the server', async () => {
    const killed = await hold('postgres', dataDir)
    const { ownerUrl, pid } = holding(killed)
    await query(ownerUrl, 'insert into kept values (3)')
    process.kill(pid, 'SIGKILL')
    await killed.signal('SIGKILL')

    const next = await start()
    expect(await count(next.ownerUrl)).toBe(3)
    await next.close()
  })

  test('refuses a second server on its folder, naming the first, which goes on', async () => {
    const first = await start()
    const second = await hold('postgres', dataDir)
    expect(second.first).toEqual({
      error: 'FolderInUse',
      message: `The data folder ${dataDir} is in use by process ${process.pid}: stop that one, or set DATA_DIR to another folder.`,
    })
    expect(await count(first.ownerUrl)).toBe(3)
    await first.close()
  })

  test('has one server when two start at the same moment', async () => {
    const both = await Promise.all([hold('postgres', dataDir), hold('postgres', dataDir)])
    expect(both.filter(({ first }) => first.held)).toHaveLength(1)
    expect(both.filter(({ first }) => first.error === 'FolderInUse')).toHaveLength(1)
    await Promise.all(both.map((held) => held.first.held && held.signal('SIGINT')))
  })

  test('outlives the Ctrl-C that ends its server, until the server ends it', async () => {
    const interrupted = await hold('postgres', dataDir)
    const { pid } = holding(interrupted)
    await interrupted.signal('SIGINT')
    expect(interrupted.lines[1]).toBe('{"postgres":"still here"}')
    expect(identifyProcess(pid)).toBeNull()
  })

  test('ends with a server that exits without closing it', async () => {
    const careless = await hold('postgres', dataDir)
    const { pid } = holding(careless)
    await careless.signal('SIGUSR2')
    await eventually(() => expect(identifyProcess(pid)).toBeNull())
  })

  test('starts although its old pid now belongs to another program', async () => {
    const stranger = spawn('sleep', ['1000'], { ...chooseAccount(join(dataDir, 'postgres')) })
    const pidFile = join(dataDir, 'postgres', 'data', 'postmaster.pid')
    writeFileSync(pidFile, `${stranger.pid}\n${join(dataDir, 'postgres', 'data')}\n0\n1\n\n\n`)
    const next = await start()
    expect(await count(next.ownerUrl)).toBe(3)
    await next.close()
    expect(stranger.kill('SIGKILL')).toBe(true)
  })

  test('lets nobody in without the password, and shows the data to no other account', async () => {
    const server = await start()
    const stranger = new URL(server.ownerUrl)
    stranger.password = 'guessed'
    await expect(query(stranger.href, 'select 1')).rejects.toThrow('password authentication failed')
    const home = join(dataDir, 'postgres')
    expect(statSync(home).mode & 0o777).toBe(0o700)
    expect(statSync(join(home, 'credentials.json')).mode & 0o777).toBe(0o600)
    await server.close()
  })

  test('says in one line what ails it, and names DATABASE_URL', async () => {
    const failing = startPostgres({ dataDir, log, settings: { shared_buffers: 'plenty' } })
    await expect(failing).rejects.toThrow(
      /^The private Postgres did not start \(.*shared_buffers.*DATABASE_URL.*$/,
    )
    await (await start()).close()
  })
})

describe('the first start', () => {
  test('leaves nothing half made when it is killed midway', async () => {
    const dataDir = newFolder()
    const node = spawnHolder('postgres', dataDir)
    const halfMade = () => readdirSync(dataDir).filter((name) => name.startsWith('postgres.new'))
    await eventually(() => expect(existsSync(dataDir) && halfMade()).toHaveLength(1), {
      timeout: 60_000,
    })
    node.kill('SIGKILL')
    await once(node, 'exit')
    expect(existsSync(join(dataDir, 'postgres'))).toBe(false)

    const next = await startPostgres({ dataDir, log })
    expect(await query(next.ownerUrl, 'select 1 as n')).toEqual([{ n: 1 }])
    expect(halfMade()).toEqual([])
    await next.close()
  })

  test('of root puts the data where Postgres’s account can get to it', async ({ skip }) => {
    skip(!isRoot, 'needs root')
    const closed = newFolder('closed')
    mkdirSync(closed, { mode: 0o700 })
    const server = await startPostgres({ dataDir: join(closed, 'data'), log })
    onTestFinished(() => rmSync(server.dataDir, { recursive: true, force: true }))
    expect(server.dataDir).toMatch(/^\/var\/lib\/livebalance\/[0-9a-f]{16}$/)
    expect(statSync(join(server.dataDir, 'postgres', 'data')).uid).not.toBe(0)
    await server.close()

    const again = await startPostgres({ dataDir: join(closed, 'data'), log })
    expect(again.dataDir).toBe(server.dataDir)
    await again.close()
  })

  test('works as a normal user', async ({ skip }) => {
    skip(!canBecomeNobody, 'needs root, and a checkout that other users can enter')
    const home = newFolder('home')
    mkdirSync(home, { mode: 0o700 })
    chownSync(home, NOBODY.uid, NOBODY.gid)
    const user = await hold('postgres', join(home, 'data'), { user: NOBODY })
    const { ownerUrl, dataDir, pid } = holding(user)
    expect(dataDir).toBe(join(home, 'data'))
    expect(await query(ownerUrl, 'select current_user as name')).toEqual([
      { name: 'livebalance_owner' },
    ])
    await user.signal('SIGINT')
    expect(identifyProcess(pid)).toBeNull()

    // Root on that user's data: as its owner, whom it belongs to still afterwards.
    const root = await startPostgres({ dataDir, log })
    await root.close()
    const again = await hold('postgres', dataDir, { user: NOBODY })
    expect(again.first.error).toBeUndefined()
    await again.signal('SIGINT')
  })

  test('says in one line that the folder is out of reach', async ({ skip }) => {
    skip(!canBecomeNobody, 'needs root, and a checkout that other users can enter')
    const closed = newFolder('closed')
    mkdirSync(closed, { mode: 0o700 })
    const user = await hold('postgres', join(closed, 'data'), { user: NOBODY })
    expect(user.first.message).toMatch(
      /^The data folder .*closed.* cannot be used \(EACCES.*DATA_DIR.*$/,
    )
  })
})
