import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { freePort } from '../../src/local/ports.ts'
import { built } from './built.ts'
import { eventually } from './eventually.ts'
import { TEST_SECRET } from './token.ts'
import { UNLIMITED } from './unlimited.ts'

export interface ServerEnvironment {
  databaseUrl: string
  redisUrl: string
  /** Written by all processes. */
  logFile: string
  /** More variables. */
  more?: Record<string, string>
  /** Starts a program of the repository, whose file follows. Default: this Node, which runs TypeScript. */
  command?: readonly string[]
  /** Default: the server, built. */
  program?: string
}

type StartedBy = ServerEnvironment & Required<Pick<ServerEnvironment, 'command' | 'program'>>

const NODE = [process.execPath, '--import', 'tsx']

/** Not by `child.kill`: Deno, when it runs the tests, then reports no exit code. */
export function sendSignal({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, signal)
  } catch {
    // It has just ended.
  }
}

/** The real server as a separate process, which can be killed and restarted on the same port. */
export class ServerProcess {
  readonly url: string
  readonly #port: number
  readonly #environment: StartedBy
  #child: ChildProcess | undefined

  private constructor(port: number, environment: StartedBy) {
    this.#port = port
    this.#environment = environment
    this.url = `http://127.0.0.1:${port}`
  }

  static async start(environment: ServerEnvironment): Promise<ServerProcess> {
    const { program = await built('main') } = environment
    // What is built needs no compiler.
    const { command = environment.program ? NODE : [process.execPath] } = environment
    const server = new ServerProcess(await freePort(), { ...environment, command, program })
    await server.start()
    return server
  }

  /** Resolves when it answers. A process that ends before, without its dependencies, is started again. */
  async start(): Promise<void> {
    this.#spawn()
    await eventually(
      async () => {
        if (this.#child?.exitCode !== null) this.#spawn()
        const response = await fetch(`${this.url}/health/live`)
        if (!response.ok) throw new Error(`not live: see ${this.#environment.logFile}`)
      },
      { timeout: 60_000 },
    ).catch(async (error) => {
      await this.end('SIGKILL')
      throw error
    })
  }

  #spawn(): void {
    const { databaseUrl, redisUrl, logFile, more, command, program } = this.#environment
    const [runtime = '', ...args] = command
    const log = openSync(logFile, 'a')
    this.#child = spawn(runtime, [...args, program], {
      stdio: ['ignore', log, log],
      env: {
        ...process.env,
        DATABASE_URL: databaseUrl,
        REDIS_URL: redisUrl,
        JWT_SECRET: TEST_SECRET,
        PORT: String(this.#port),
        HOST: '127.0.0.1',
        DRAIN_SECONDS: '1',
        ...UNLIMITED,
        LOG_LEVEL: 'warn',
        ...more,
      },
    })
  }

  /** Of the process that was started last. */
  get pid(): number {
    return this.#child?.pid ?? 0
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#child) sendSignal(this.#child, signal)
  }

  /** The exit code once it has ended; null while it runs. */
  get exitCode(): number | null {
    return this.#child?.exitCode ?? null
  }

  /** @returns the exit code; null if a signal ended it or it did not run */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return null
    sendSignal(child, signal)
    await once(child, 'exit')
    return child.exitCode
  }
}
