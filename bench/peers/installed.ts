import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('./', import.meta.url))

/** Installs the peers' packages if they are missing, and compiles the NestJS server. */
export function installPeers(): void {
  const npm = (...args: string[]) =>
    execFileSync('npm', args, { cwd: FOLDER, stdio: ['ignore', 'ignore', 'inherit'] })
  if (!existsSync(`${FOLDER}node_modules`)) {
    npm('ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error')
  }
  npm('run', '--silent', 'build')
}

/** The NestJS server, compiled. */
export const NEST = new URL('dist/main.js', import.meta.url)
