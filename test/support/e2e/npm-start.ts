import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from '../index.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** Settings of the environment that would change what `npm start` does. */
const OURS =
  /^(DATABASE_URL|REDIS_URL|DATA_DIR|JWT_|PORT$|HOST$|CURRENCY|CORS_|TRUST_|RATE_|NODE_ENV|npm_)/

/** An empty folder with a space in its path, open to the account that a root's Postgres runs as. */
export async function makeDataFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'live balance '))
  await chmod(folder, 0o755)
  return folder
}

export interface NpmStart {
  process: ChildProcess
  /** Everything printed so far, on both streams. */
  output(): string
  /** Resolves with the match once it is printed. Throws if the server ends before. */
  printed(pattern: RegExp): Promise<RegExpMatchArray>
  /** Resolves with the exit code. */
  ended(): Promise<number | null>
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** `npm start` as a newcomer types it, with only `env` set. */
export function npmStart(env: Record<string, string>): NpmStart {
  const inherited = Object.entries(process.env).filter(([name]) => !OURS.test(name))
  const child = spawn('npm', ['start', '--silent'], {
    cwd: ROOT,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  child.stderr.on('data', (chunk) => {
    text += chunk
  })
  const exit = once(child, 'close').then(([code]) => code as number | null)
  return {
    process: child,
    output: () => text,
    ended: () => exit,
    async printed(pattern) {
      return eventually(
        () => {
          const match = pattern.exec(text)
          if (!match)
            throw new Error(`not printed (exit code ${child.exitCode}): ${pattern}\n${text}`)
          return match
        },
        { timeout: 60_000 },
      )
    },
    stop(signal = 'SIGTERM') {
      child.kill(signal)
      return exit
    },
  }
}

export interface Screen {
  url: string
  userToken: string
  adminToken: string
}

/** The addresses on the screen of a started server. */
export async function screenOf(server: NpmStart): Promise<Screen> {
  const [, url = ''] = await server.printed(/ready at (http:\S+)\n/)
  const [, userToken = ''] = await server.printed(/^ {2}User +(\S+)$/m)
  const [, adminToken = ''] = await server.printed(/^ {2}Admin +(\S+)$/m)
  return { url, userToken, adminToken }
}
