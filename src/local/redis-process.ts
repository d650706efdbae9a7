import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { chooseAccount } from './account.ts'
import { EmbeddedError } from './error.ts'

const PROGRAMS = ['redis-server', 'valkey-server']

/** ms until a Redis that runs but does not answer is given up. */
const PATIENCE = 10_000

export interface RedisAddress {
  port: number
  password: string
}

export interface RedisProcess {
  child: ChildProcess
  pid: number
  /** For a person: `redis-server 8.2.1`. */
  description: string
}

/** Starts the first program that the PATH has; `null` where it has none. */
export async function spawnRedis(
  address: RedisAddress,
  logFile: string,
): Promise<RedisProcess | null> {
  for (const program of PROGRAMS) {
    const child = await launch(program, address, logFile)
    if (child) {
      const version = await becomesReady(child, address)
      if (version) return { child, pid: child.pid as number, description: `${program} ${version}` }
      child.kill('SIGKILL')
      const complaint = readFileSync(logFile, 'utf8').trim().split('\n').at(-1) ?? ''
      throw new EmbeddedError(
        `The private Redis did not start (${complaint}; log: ${logFile}): set REDIS_URL to use another one.`,
      )
    }
  }
  return null
}

/** `null` where the PATH has no such program. */
async function launch(
  program: string,
  address: RedisAddress,
  logFile: string,
): Promise<ChildProcess | null> {
  const log = openSync(logFile, 'w', 0o600)
  const child = spawn(program, ['-'], {
    cwd: '/',
    stdio: ['pipe', log, log],
    // As with Postgres: Ctrl-C in the terminal reaches us alone.
    detached: true,
    windowsHide: true,
    ...chooseAccount(null),
  })
  closeSync(log)
  child.stdin?.on('error', () => {})
  // The configuration goes over stdin, where no list of processes shows the password.
  child.stdin?.end(configuration(address))
  try {
    await once(child, 'spawn')
    return child
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EACCES') return null
    throw error
  }
}

function configuration({ port, password }: RedisAddress): string {
  return [
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`,
    'save ""',
    'appendonly no',
    'daemonize no',
    'databases 16',
    '',
  ].join('\n')
}

/** The version that answers on this port to this password; `null` when the process ended instead. */
async function becomesReady(child: ChildProcess, address: RedisAddress): Promise<string | null> {
  const deadline = performance.now() + PATIENCE
  while (child.exitCode === null && child.signalCode === null && performance.now() < deadline) {
    const version = await askVersion(address)
    if (version) return version
    await sleep(10)
  }
  return null
}

function askVersion({ port, password }: RedisAddress): Promise<string | null> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = createConnection(port, '127.0.0.1', () => {
      socket.write(`AUTH ${password}\r\nINFO server\r\nQUIT\r\n`)
    })
    socket.setTimeout(1000, () => socket.destroy())
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      const version = /^valkey_version:(\S+)/m.exec(answer) ?? /^redis_version:(\S+)/m.exec(answer)
      resolve(version?.[1] ?? null)
    })
  })
}
