import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Opens a connection for each client, after it has closed those of the order before. */
export interface Order {
  /** 0: only closes. */
  port: number
  /** Sends the id of the last event. */
  resume: boolean
}

export interface Storm {
  /** Until the last client has its balance. */
  ms: number
}

export interface Clients {
  storm(order: Order): Promise<Storm>
  end(): void
}

/** So many clients, in a process of their own. */
export async function openClients(count: number): Promise<Clients> {
  const child = fork(new URL('clients.ts', import.meta.url), [String(count)], {
    execArgv: ['--import', 'tsx'],
  })
  child.once('exit', (code) => {
    if (code) throw new Error(`the clients’ process ended with ${code}`)
  })
  await once(child, 'message')
  return {
    async storm(order) {
      const answer = once(child, 'message')
      child.send(order)
      const [storm] = await answer
      return storm as Storm
    },
    end: () => child.disconnect(),
  }
}

/** Milliseconds that a process has used of all cores, by Linux. */
export function cpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  const used = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  )
  return used.reduce((sum, ns) => sum + ns, 0) / 1e6
}

/** A server process that clients connect to. */
export interface Subject {
  port: number
  pid: number
}

/** The least that a stream's server does, in a process of its own. */
export async function startRaw(): Promise<Subject & { end(): void }> {
  const script = fileURLToPath(new URL('raw.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { port: Number(String(line)), pid: child.pid ?? 0, end: () => void child.kill() }
}
