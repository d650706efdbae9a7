import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const ROOT = join(import.meta.dirname, '../..')

const run = promisify(execFile)

/** A folder with the frameworks, the packed library, and a program for each framework. */
export interface Project {
  /** Runs a file with Node, or a command of a package, in the folder of a program. Returns its output. */
  run(program: string, command: string, args?: string[]): Promise<string>
  path(...names: string[]): string
  remove(): Promise<void>
}

/** The environment of a developer's shell: the one of vitest would make React a development build. */
export const SHELL = {
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  NEXT_TELEMETRY_DISABLED: '1',
}

/**
 * It is outside of the repository. There a program would find every package of ours as well, and a dependency that
 * the library forgot to name would not be missed.
 */
export async function createProject(): Promise<Project> {
  const folder = await mkdtemp(join(tmpdir(), 'livebalance-frameworks-'))
  const path = (...names: string[]) => join(folder, ...names)
  for (const name of ['package.json', 'package-lock.json', 'programs']) {
    await cp(join(import.meta.dirname, name), path(name), { recursive: true })
  }
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
  const [packed] = await Promise.all([
    run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT }),
    run('npm', ['ci', ...flags], { cwd: folder }),
  ])
  const [, tarball = ''] = /"filename": "(.+?)"/.exec(packed.stdout) ?? []
  await mkdir(path('node_modules/livebalance'))
  await run('tar', ['xzf', tarball, '-C', 'node_modules/livebalance', '--strip-components=1'], {
    cwd: folder,
  })
  // Of the server's dependencies a page and its types need no others.
  for (const name of ['hono', 'lossless-json']) {
    await cp(join(ROOT, 'node_modules', name), path('node_modules', name), { recursive: true })
  }
  return {
    path,
    async run(program, command, args = []) {
      const isFile = /\.[cm]?js$/.test(command) || command.startsWith('-')
      const [file, more] = isFile
        ? [process.execPath, [command]]
        : [path('node_modules/.bin', command), []]
      const cwd = path('programs', program)
      try {
        return (await run(file, [...more, ...args], { cwd, env: SHELL })).stdout
      } catch (error) {
        const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
        throw new Error(`${program}: ${command} failed\n${stdout}${stderr}`, { cause: error })
      }
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
