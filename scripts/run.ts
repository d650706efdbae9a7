import { spawnSync } from 'node:child_process'
import { PACKAGE_ROOT } from '../src/lib/package-root.ts'

/** Runs a program on this terminal, in the package's folder. If it fails, this process ends with its status. */
export function run(program: string, args: string[], env: NodeJS.ProcessEnv = {}): void {
  const { status, error } = spawnSync(program, args, {
    stdio: 'inherit',
    cwd: PACKAGE_ROOT,
    env: { ...process.env, ...env },
  })
  if (error) throw error
  if (status !== 0) process.exit(status ?? 1)
}
