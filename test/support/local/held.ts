import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'

export interface Held {
  /** What `holder.ts` printed first. */
  first: {
    held?: null | { ownerUrl: string; url: string; pid: number; dataDir: string }
    error?: string
    message?: string
  }
  lines: string[]
  node: ChildProcess
  /** Resolves when Node is gone. */
  signal(name: NodeJS.Signals): Promise<void>
}

export interface HoldOptions {
  /** Default: our own. */
  user?: { uid: number; gid: number }
  env?: NodeJS.ProcessEnv
}

export function spawnHolder(kind: string, folder: string, options: HoldOptions = {}): ChildProcess {
  const node = spawn(
    process.execPath,
    ['--import', 'tsx', `${import.meta.dirname}/holder.ts`, kind, folder],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
      ...options.user,
      ...(options.env && { env: options.env }),
    },
  )
  // A test that failed leaves none behind.
  onTestFinished(() => {
    node.kill('SIGINT')
  })
  return node
}

/** Runs `holder.ts` in a process of its own until it has printed its first line. */
export async function hold(kind: string, folder: string, options?: HoldOptions): Promise<Held> {
  const node = spawnHolder(kind, folder, options)
  if (!node.stdout) throw new Error('no stdout')
  const lines: string[] = []
  const reader = createInterface(node.stdout).on('line', (line) => lines.push(line))
  await Promise.race([once(reader, 'line'), once(node, 'exit')])
  return {
    first: JSON.parse(lines[0] ?? '{}'),
    lines,
    node,
    async signal(name) {
      const ended = once(node, 'close')
      if (node.pid) process.kill(-node.pid, name)
      await ended
    },
  }
}
