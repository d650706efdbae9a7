import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { interruptPostmaster, PATIENCE, type PostmasterOptions, readPidFile } from './postmaster.ts'
import { lifeOf, type ProcessLife, waitForEnd } from './process-life.ts'

/**
 * Stops a Postgres that a killed server left running on this data, and clears away a pid file whose pid
 * now belongs to some other program, which would make Postgres refuse to start.
 */
export async function stopOrphan(options: Omit<PostmasterOptions, 'settings'>): Promise<boolean> {
  const data = join(options.home, 'data')
  const file = readPidFile(data)
  const life = file && lifeOf(file.pid)
  if (!life) return false
  const whose = whosePid(life, data)
  if (whose === 'stranger') rmSync(join(data, 'postmaster.pid'), { force: true })
  if (whose !== 'ours') return false
  interruptPostmaster(life.pid, options)
  if (!(await waitForEnd(life, PATIENCE))) {
    process.kill(life.pid, 'SIGQUIT')
    await waitForEnd(life, PATIENCE)
  }
  return true
}

/**
 * `ours`: a Postgres on this data. `stranger`: certainly not one. `unknown` is left alone: Postgres looks
 * itself, and refuses to start where it is in doubt. Two of them on one folder would destroy it.
 */
function whosePid({ pid }: ProcessLife, data: string): 'ours' | 'stranger' | 'unknown' {
  if (process.platform === 'linux') return whoseArguments(linuxArguments(pid), data)
  if (process.platform === 'win32') return 'ours'
  const { stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
  if (stdout.includes(`-D ${data}`)) return 'ours'
  return stdout && !stdout.includes('postgres') ? 'stranger' : 'unknown'
}

function whoseArguments(args: string[], data: string): 'ours' | 'stranger' | 'unknown' {
  const [program] = args
  if (!program) return 'unknown'
  const folder = args[args.indexOf('-D') + 1]
  if (basename(program) !== 'postgres' || folder === undefined) return 'stranger'
  if (!existsSync(folder)) return 'unknown'
  return realpathSync(folder) === realpathSync(data) ? 'ours' : 'stranger'
}

/** Not /proc/<pid>/cwd, which root in a container may not read of another account's process. */
function linuxArguments(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}
