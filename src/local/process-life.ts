import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** One life of a process, as text: pids are given again, so a pid file must hold more than a pid. */
export interface ProcessLife {
  pid: number
  /** Differs between two lives of one pid. */
  start: string
}

/** The life that `pid` has now; `null` when there is none, or only a zombie. */
export function lifeOf(pid: number): ProcessLife | null {
  const start = process.platform === 'linux' ? linuxStart(pid) : portableStart(pid)
  return start === null ? null : { pid, start }
}

export function isRunning(life: ProcessLife): boolean {
  return lifeOf(life.pid)?.start === life.start
}

/** `false` when it still runs after `timeout` ms. */
export async function waitForEnd(life: ProcessLife, timeout: number): Promise<boolean> {
  const deadline = performance.now() + timeout
  while (isRunning(life)) {
    if (performance.now() > deadline) return false
    await sleep(10)
  }
  return true
}

/** The text of a pid file. */
export function writeLife(life: ProcessLife): string {
  return `${life.pid} ${life.start}\n`
}

export function readLife(text: string): ProcessLife | null {
  const [, pid, start] = /^(\d+) (.+)\n/.exec(text) ?? []
  return pid && start ? { pid: Number(pid), start } : null
}

function linuxStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name in parentheses may hold anything, so count from its end: state first, start time 20th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return null
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    return `${fields[19]}@${boot}`
  } catch {
    return null
  }
}

function portableStart(pid: number): string | null {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return null
  }
  if (process.platform === 'win32') return 'running'
  const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout?.trim() || null
}
