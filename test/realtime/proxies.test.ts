import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { Hono } from 'hono'
import { describe, expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../src/embedded/free-port.ts'
import { eventually } from '../environment/index.ts'
import { connectBy, startServer, TRANSPORTS, tokenOf } from './balance-server.ts'
import { ALICE } from './fake-ledger.ts'

interface Proxy {
  url: string
  kill(): Promise<void>
  start(): Promise<void>
}

/** What is put around the documented file to run it as a user, on this port, with an idle limit of 3 s. */
const PROXIES = {
  nginx: {
    file: 'docs/proxies/nginx.conf',
    arguments: (folder: string) => [
      '-p',
      folder,
      '-c',
      join(folder, 'config'),
      '-g',
      'daemon off;',
    ],
    wrap: (text: string) => `
      pid nginx.pid; error_log stderr warn; worker_processes 1;
      events {}
      http {
        access_log off; proxy_read_timeout 3s; proxy_send_timeout 3s;
        client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fcgi;
        uwsgi_temp_path uwsgi; scgi_temp_path scgi;
        ${text}
      }`,
    listen: 'listen 80',
    listenAt: (port: number) => `listen 127.0.0.1:${port}`,
  },
  caddy: {
    file: 'docs/proxies/Caddyfile',
    arguments: (folder: string) => [
      'run',
      '--adapter',
      'caddyfile',
      '--config',
      join(folder, 'config'),
    ],
    wrap: (text: string) => `{\n\tadmin off\n\tauto_https off\n}\n${text}`,
    listen: ':80',
    listenAt: (port: number) => `http://127.0.0.1:${port}`,
  },
}

function find(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path))
}

async function startProxy(
  name: keyof typeof PROXIES,
  program: string,
  target: string,
): Promise<Proxy> {
  const proxy = PROXIES[name]
  const folder = await mkdtemp(join(tmpdir(), 'proxy-'))
  const port = await freePort()
  const text = (await readFile(proxy.file, 'utf8'))
    .replace('127.0.0.1:3000', new URL(target).host)
    .replace(proxy.listen, proxy.listenAt(port))
  await writeFile(join(folder, 'config'), proxy.wrap(text))
  let child: ChildProcess
  const url = `http://127.0.0.1:${port}`
  const start = async () => {
    child = spawn(program, proxy.arguments(folder), { stdio: 'ignore', detached: true })
    await eventually(() => fetch(url), { timeout: 10_000 })
  }
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null || !child.pid) return
    // With its workers: a proxy's master can be killed alone.
    process.kill(-child.pid, 'SIGKILL')
    await once(child, 'exit')
  }
  await start()
  onTestFinished(async () => {
    await kill()
    await rm(folder, { recursive: true, force: true })
  })
  return { url, kill, start }
}

describe.each(['nginx', 'caddy'] as const)('behind %s, as documented', (name) => {
  const program = find(name)
  const reason = { meta: { skipReason: `needs ${name} on the PATH` } }

  describe.skipIf(!program)('the program', reason, () => {
    test.each(TRANSPORTS)('%s events arrive, and one can resume', async (transport) => {
      const server = await startServer()
      const proxy = await startProxy(name, program ?? '', server.url)
      const token = await tokenOf(ALICE)
      const client = connectBy[transport](proxy.url, token)
      await eventually(() => expect(client.received).toHaveLength(1))
      await server.change(ALICE, 100n)
      await eventually(() => expect(client.seqs()).toEqual([1, 2]))
      await proxy.kill()
      await client.failure
      await server.change(ALICE, 100n)
      await proxy.start()
      const again = connectBy[transport](proxy.url, token, { lastEventId: 'e1:2' })
      await eventually(() => expect(again.seqs()).toEqual([3, 4]))
    })

    test('metrics are not for the public', async () => {
      const routes = new Hono().get('/metrics', (c) => c.text('inside'))
      const server = await startServer({ routes })
      const proxy = await startProxy(name, program ?? '', server.url)
      expect((await fetch(`${server.url}/metrics`)).status).toBe(200)
      expect((await fetch(`${proxy.url}/metrics`)).status).toBe(404)
    })

    test('silent streams outlive the idle limit', async () => {
      const server = await startServer({ beatEvery: 1 })
      const proxy = await startProxy(name, program ?? '', server.url)
      const token = await tokenOf(ALICE)
      const clients = TRANSPORTS.map((transport) => connectBy[transport](proxy.url, token))
      await eventually(() => {
        for (const { received } of clients) expect(received).toHaveLength(1)
      })
      const closed = Promise.race(clients.map(({ failure }) => failure)).then(() => 'closed')
      const outlived = new Promise((resolve) => setTimeout(resolve, 5000, 'open'))
      expect(await Promise.race([closed, outlived])).toBe('open')
      await server.change(ALICE, 100n)
      await eventually(() => {
        for (const client of clients) expect(client.seqs()).toEqual([1, 2])
      })
    })
  })
})
