import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { livebalance as run } from '../../../src/cli/livebalance.ts'
import { built } from '../built.ts'
import { eventually } from '../index.ts'

const ROOT = join(import.meta.dirname, '../../..')

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
  /** Of `--json`. */
  // biome-ignore lint/suspicious/noExplicitAny: as wide as what a command may print
  json: () => any
}

export interface Running {
  /** Resolves once the pattern was printed to either stream. */
  printed(pattern: RegExp): Promise<RegExpExecArray>
  interrupt(): Promise<Ran>
}

/** The real command line as a process of its own, with nothing in its environment but `env`. */
export async function start(
  env: Record<string, string>,
  ...args: string[]
): Promise<Running & { end: Promise<Ran> }> {
  const child = spawn(process.execPath, [await built('cli/main'), ...args], {
    cwd: ROOT,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const end = once(child, 'close').then(([code]) => ({
    code: code as number | null,
    stdout,
    stderr,
    json: () => JSON.parse(stdout),
  }))
  return {
    end,
    printed: (pattern) =>
      eventually(
        () => {
          const found = pattern.exec(stdout + stderr)
          if (!found) throw new Error(`not printed: ${pattern}\n${stdout}${stderr}`)
          return found
        },
        { timeout: 60_000 },
      ),
    interrupt() {
      child.kill('SIGINT')
      return end
    },
  }
}

export async function livebalance(env: Record<string, string>, ...args: string[]): Promise<Ran> {
  const { end } = await start(env, ...args)
  return end
}

/** The same without a process of its own: for what needs none to be seen. */
export async function inProcess(env: Record<string, string>, ...args: string[]) {
  const printed = { stdout: '', stderr: '' }
  const terminal = {
    print: (text: string) => {
      printed.stdout += `${text}\n`
    },
    note: (text: string) => {
      printed.stderr += `${text}\n`
    },
    redraw: undefined,
  }
  const code = await run(args, { terminal, env, interrupted: () => new Promise(() => {}) })
  return { code, ...printed }
}
