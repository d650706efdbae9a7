import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, inject } from 'vitest'
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

/** A HAProxy with the documented file in front of two servers on these ports of 127.0.0.1. */
export async function startHaproxy(first: number, second: number): Promise<Haproxy> {
  const folder = await mkdtemp(join(inject('runFolder'), 'haproxy-'))
  const port = await freePort()
  const file = join(folder, 'haproxy.cfg')
  const text = await readFile(DOCUMENTED, 'utf8')
  const own = text
    .replace('bind 127.0.0.1:5433', `bind 127.0.0.1:${port}`)
    .replace('10.0.0.1:5432', `127.0.0.1:${first}`)
    .replace('10.0.0.2:5432', `127.0.0.1:${second}`)
  await writeFile(file, own)
  const child = spawn(PROGRAM ?? '', ['-db', '-f', file], { cwd: folder, stdio: 'ignore' })
  await eventually(async () => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    socket.destroy()
  })
  return {
    port,
    async close() {
      const ended = once(child, 'exit')
      if (child.kill('SIGKILL')) await ended
    },
  }
}
