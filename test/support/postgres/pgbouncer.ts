import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chown, mkdtemp, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, inject } from 'vitest'
import { chooseAccount } from '../../../src/local/data-folder.ts'
import { freePort } from '../../../src/local/ports.ts'
import { eventually } from '../index.ts'

const PROGRAM = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer'].find((path) => existsSync(path))

/** `describe`, where PgBouncer is installed. */
export const describeWithPgBouncer = (name: string, suite: () => void) =>
  describe.skipIf(!PROGRAM)(
    name,
    { meta: { skipReason: 'needs the Debian package pgbouncer' } },
    suite,
  )

export interface PgBouncer {
  /** `url`, through it. */
  through(url: string, parameters?: string): string
  /** Without a word to anybody. */
  kill(): Promise<void>
  /** At the same address, after `kill`. */
  restart(): Promise<void>
  close(): Promise<void>
}

/** A PgBouncer before a Postgres, for these logins, with few sessions, so that transactions share them. */
export async function startPgBouncer(
  urls: readonly [string, ...string[]],
  settings: Record<string, string | number> = {},
): Promise<PgBouncer> {
  const folder = await mkdtemp(join(inject('runFolder'), 'pgbouncer-'))
  const account = chooseAccount(null)
  const { hostname, port: postgresPort } = new URL(urls[0])
  const port = await freePort()
  const users = join(folder, 'users')
  await writeFile(
    users,
    urls
      .map((url) => new URL(url))
      .map(({ username, password }) => `"${username}" "${password}"`)
      .join('\n'),
  )
  const all = {
    ...{ listen_addr: '127.0.0.1', listen_port: port, unix_socket_dir: '' },
    ...{ pool_mode: 'transaction', default_pool_size: 4, max_client_conn: 200 },
    ...{ auth_type: 'scram-sha-256', auth_file: users, logfile: join(folder, 'log') },
    ...settings,
  }
  const file = join(folder, 'pgbouncer.ini')
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
  await writeFile(
    file,
    `[databases]\n* = host=${hostname} port=${postgresPort}\n[pgbouncer]\n${lines.join('\n')}\n`,
  )
  // It does not run as root, and its account reads these.
  if (account) for (const path of [folder, file, users]) await chown(path, account.uid, account.gid)

  let child = spawn(PROGRAM ?? '', [file], { cwd: folder, stdio: 'ignore', ...account })
  const listens = () =>
    eventually(async () => {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      socket.destroy()
    })
  await listens()
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  return {
    through(url, parameters = '?pgbouncer=true') {
      const changed = new URL(url)
      changed.port = String(port)
      changed.search = parameters
      return changed.href
    },
    kill,
    async restart() {
      child = spawn(PROGRAM ?? '', [file], { cwd: folder, stdio: 'ignore', ...account })
      await listens()
    },
    close: kill,
  }
}
