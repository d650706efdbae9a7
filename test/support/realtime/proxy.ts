import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { freePort } from '../../../src/local/ports.ts'
import { eventually } from '../index.ts'

export interface Proxy {
  url: string
  kill(): Promise<void>
  start(): Promise<void>
}

/** The settings around the documented file that run it without root, on this port, with an idle limit. */
export const PROXIES = {
  nginx: {
    file: 'docs/guide/proxies/nginx.conf',
    arguments: (folder: string) => [
      '-p',
      folder,
      '-c',
      join(folder, 'config'),
      '-g',
      'daemon off;',
    ],
    wrap: (text: string, idleSeconds: number) => `
      pid nginx.pid; error_log stderr warn; worker_processes 1;
      events {}
      http {
        access_log off; proxy_read_timeout ${idleSeconds}s; proxy_send_timeout ${idleSeconds}s;
        client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fcgi;
        uwsgi_temp_path uwsgi; scgi_temp_path scgi;
        ${text}
      }`,
    target: 'server 127.0.0.1:3000 max_fails=0;',
    targets: (hosts: string[]) => hosts.map((host) => `server ${host} max_fails=0;`).join('\n'),
    listen: 'listen 80',
    listenAt: (port: number) => `listen 127.0.0.1:${port}`,
  },
  caddy: {
    file: 'docs/guide/proxies/Caddyfile',
    arguments: (folder: string) => [
      'run',
      '--adapter',
      'caddyfile',
      '--config',
      join(folder, 'config'),
    ],
    wrap: (text: string) => `{\n\tadmin off\n\tauto_https off\n}\n${text}`,
    target: '127.0.0.1:3000',
    targets: (hosts: string[]) => hosts.join(' '),
    listen: ':80',
    listenAt: (port: number) => `http://127.0.0.1:${port}`,
  },
}

/** The path of a program, on the PATH or in Debian's folders for servers. */
export function find(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path))
}

/** The documented proxy in front of these servers. Ends with the test. */
export async function startProxy(
  name: keyof typeof PROXIES,
  program: string,
  targets: string[],
  idleSeconds = 3,
): Promise<Proxy> {
  const proxy = PROXIES[name]
  const folder = await mkdtemp(join(tmpdir(), 'proxy-'))
  const port = await freePort()
  const text = (await readFile(proxy.file, 'utf8'))
    .replace(proxy.target, proxy.targets(targets.map((target) => new URL(target).host)))
    .replace(proxy.listen, proxy.listenAt(port))
  await writeFile(join(folder, 'config'), proxy.wrap(text, idleSeconds))
  let child: ChildProcess
  const url = `http://127.0.0.1:${port}`
  const start = async () => {
    child = spawn(program, proxy.arguments(folder), { stdio: 'ignore', detached: true })
    await eventually(() => fetch(url))
  }
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null || !child.pid) return
    // The whole process group: otherwise the workers would survive their master.
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
