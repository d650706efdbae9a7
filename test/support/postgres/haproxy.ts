import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { describe, expect, inject } from 'vitest'
import { freePort } from '../../../src/local/ports.ts'
import { eventually } from '../index.ts'

const PROGRAM = ['/usr/sbin/haproxy', '/usr/bin/haproxy'].find((path) => existsSync(path))

const DOCUMENTED = 'docs/guide/proxies/haproxy-postgres.cfg'

/** `describe`, where HAProxy is installed. */
export const describeWithHaproxy = (name: string, suite: () => void) =>
  describe.skipIf(!PROGRAM)(
    name,
    { meta: { skipReason: 'needs the Debian package haproxy' } },
    suite,
  )

export interface Haproxy {
  port: number
  close(): Promise<void>
}

/**
 * A HAProxy with the documented file in front of a primary and its standby, on these ports of 127.0.0.1. It takes every
 * server for a primary until its checks have failed, so the promise resolves when it knows which is which.
 */
export async function startHaproxy(primary: number, standby: number): Promise<Haproxy> {
  const folder = await mkdtemp(join(inject('runFolder'), 'haproxy-'))
  const port = await freePort()
  const file = join(folder, 'haproxy.cfg')
  const text = await readFile(DOCUMENTED, 'utf8')
  const control = join(folder, 'control')
  const own = text
    .replace('global\n', `global\n  stats socket ${control}\n`)
    .replace('bind 127.0.0.1:5433', `bind 127.0.0.1:${port}`)
    .replace('10.0.0.1:5432', `127.0.0.1:${primary}`)
    .replace('10.0.0.2:5432', `127.0.0.1:${standby}`)
  await writeFile(file, own)
  const child = spawn(PROGRAM ?? '', ['-db', '-f', file], { cwd: folder, stdio: 'ignore' })
  await eventually(async () => {
    const servers = await ask(control, 'show stat')
    expect(servers).toMatch(/^postgres,db1,.*,UP,/m)
    expect(servers).toMatch(/^postgres,db2,.*,DOWN,/m)
  })
  return {
    port,
    async close() {
      const ended = once(child, 'exit')
      if (child.kill('SIGKILL')) await ended
    },
  }
}

/** Asks the running HAProxy over its control socket. */
async function ask(control: string, command: string): Promise<string> {
  const socket = connect(control)
  await once(socket, 'connect')
  socket.end(`${command}\n`)
  return textOf(socket)
}
