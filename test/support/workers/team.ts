import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject } from 'vitest'
import { eventually } from '../eventually.ts'
import { test as base } from '../processes.ts'
import type { ServerProcess } from '../server-process.ts'

type Line = Record<string, unknown>

/** A server of several workers, as separate processes. */
export class WorkerTeam {
  readonly server: ServerProcess
  readonly url: string
  readonly #logFile: string

  constructor(server: ServerProcess, logFile: string) {
    this.server = server
    this.url = server.url
    this.#logFile = logFile
  }

  /** Lines of the log with this text, of all workers and their parent. */
  logged(text: string): Line[] {
    return readFileSync(this.#logFile, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Line)
      .filter(({ msg }) => msg === text)
  }

  /** Ids of the processes of the workers that live and were ready once. */
  get pids(): number[] {
    return this.logged('a worker is up')
      .map(({ pid }) => Number(pid))
      .filter(isRunning)
  }

  /** Kills the process of a worker. Resolves when the parent knows. */
  async kill(pid: number | undefined): Promise<void> {
    if (pid === undefined) throw new Error('there is no such worker')
    process.kill(pid, 'SIGKILL')
    await eventually(() => {
      const ended = this.logged('a worker ended by itself: it is started again')
      expect(ended.map((line) => line.pid)).toContain(pid)
    })
  }

  /** Resolves when readiness tells so. */
  async areUp(count: string): Promise<void> {
    await eventually(async () => {
      const response = await fetch(`${this.url}/health/ready`)
      const { checks } = (await response.json()) as { checks: Record<string, { reason?: string }> }
      expect([response.status, checks.workers?.reason]).toEqual([200, `${count} are up`])
    })
  }
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

export const test = base.extend('startTeam', async ({ startProcess }) => {
  /** Starts a server of so many workers, and waits until all of them serve. */
  return async (count: number, more: Record<string, string> = {}) => {
    const logFile = join(inject('runFolder'), `workers-${randomUUID()}.log`)
    const environment = { WORKERS: String(count), LOG_LEVEL: 'info', ...more }
    const team = new WorkerTeam(await startProcess({ logFile, more: environment }), logFile)
    await team.areUp(`${count} of ${count}`)
    return team
  }
})
