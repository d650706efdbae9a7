import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { mintToken } from '../../src/auth/tokens.ts'
import { freePort } from '../../src/local/ports.ts'
import { connect } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { generator, wireRequest } from '../http/load.ts'
import { fund, userIds } from '../http/users.ts'
import { isReady, openWorld, type World } from '../http/world.ts'
import { SECRET } from '../secret.ts'
import { PROFILES, type Profile } from './profiles.ts'
import { sourcesBehindBundle } from './sources.ts'
import { type Shares, sharesOf } from './top.ts'

/**
 * `npm run bench:profile` tells where the built server's main thread spends its time during reads and during writes.
 * It writes bench/profile/profiles.json, under `now`, or under `before` if that is the argument. `before` is the
 * profile of an older revision, taken in a checkout of it with this `bench` folder in place of its own.
 */
const WHICH = process.argv[2] === 'before' ? 'before' : 'now'
const WARM = 4
const SECONDS = 6
const USERS = 1_000
const TOP = 12

const service = await mintToken(SECRET, { sub: 'shop', roles: ['service'], expiresIn: 3600 })
const LOADS: Record<string, { connections: number; requests: () => Promise<string[]> }> = {
  'Cached reads, 64 callers': {
    connections: 64,
    requests: () =>
      eachUser(async (sub) =>
        wireRequest(
          'GET',
          '/transactions/balance/cached',
          await mintToken(SECRET, { sub, expiresIn: 3600 }),
        ),
      ),
  },
  'Payments, 256 callers': {
    connections: 256,
    requests: () =>
      eachUser(async (userId) =>
        wireRequest('POST', '/transactions', service, {
          ...{ type: 'booking_payment', amount: 0.01, userId },
        }),
      ),
  },
}

const world = await openWorld()
if (!world) throw new Error('there is neither redis-server nor valkey-server on the PATH')
const profiles: Profile[] = []
try {
  await migrate(world.databaseUrl)
  await openUsers(world)
  for (const [what, { connections, requests }] of Object.entries(LOADS)) {
    const known = PROFILES.find((profile) => profile.what === what) ?? { what }
    profiles.push({ ...known, [WHICH]: await record(world, connections, await requests()) })
  }
} finally {
  await world.close()
}
const file = new URL('profiles.json', import.meta.url)
await writeFile(file, `${JSON.stringify(profiles, null, 2)}\n`)

async function record(world: World, connections: number, requests: string[]): Promise<Shares> {
  const folder = await mkdtemp(join(tmpdir(), 'livebalance-profile-'))
  const port = await freePort()
  const server = await world.launch(port, ['--cpu-prof', `--cpu-prof-dir=${folder}`])
  while (!(await isReady(port))) {
    if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`)
    await sleep(20)
  }
  const load = await generator()
  await load.run({ port, connections, seconds: WARM, requests })
  const began = performance.now()
  const { done } = await load.run({ port, connections, seconds: SECONDS, requests })
  load.end()
  server.kill('SIGTERM')
  await once(server, 'exit')
  const ms = performance.now() - began
  const [name = ''] = await readdir(folder)
  const profile = JSON.parse(await readFile(join(folder, name), 'utf8'))
  const sourceOf = sourcesBehindBundle()
  const shares = sharesOf(profile, { ms, requests: done, sourceOf, top: TOP })
  await rm(folder, { recursive: true })
  return shares
}

function eachUser(request: (userId: string) => Promise<string>): Promise<string[]> {
  return Promise.all(userIds(USERS).map(request))
}

async function openUsers({ databaseUrl }: World): Promise<void> {
  const sql = connect(databaseUrl, { max: 1 })
  await fund(sql, userIds(USERS), 10n ** 12n)
  await sql.end()
}
