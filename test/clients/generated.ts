import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { describe, expect, onTestFinished, vi } from 'vitest'
import { PACKAGE_ROOT } from '../../src/lib/package-root.ts'
import { example } from '../support/clients/examples.ts'
import { test } from '../support/clients/scenario.ts'
import { mintToken } from '../support/index.ts'

const INSTALLED = join(PACKAGE_ROOT, 'test/clients/node_modules')

/** Runs a program of a package on Node. Returns what it printed, also if it failed. */
async function run(cwd: string, program: string, ...args: string[]): Promise<string> {
  const printed = await promisify(execFile)(process.execPath, [program, ...args], { cwd }).catch(
    (error: { stdout: string; stderr: string }) => error,
  )
  return printed.stdout + printed.stderr
}

/** The strictest settings under which the templates of the generator themselves compile. */
const STRICT = ['--strict', '--noUncheckedIndexedAccess', '--noImplicitOverride', '--noEmit']
const TARGET = [
  ...['--module', 'esnext', '--moduleResolution', 'bundler', '--allowImportingTsExtensions'],
  ...['--target', 'es2022', '--lib', 'es2023,dom,dom.iterable'],
  ...['--types', 'node', '--typeRoots', join(PACKAGE_ROOT, 'node_modules/@types')],
]
const COMPILER = join(PACKAGE_ROOT, 'node_modules/typescript/bin/tsc')

const GENERATORS = [
  {
    name: 'openapi-fetch',
    generate: (folder: string) =>
      run(
        folder,
        join(INSTALLED, 'openapi-typescript/bin/cli.js'),
        ...['openapi.json', '-o', 'schema.d.ts'],
      ),
    strict: [...STRICT, '--exactOptionalPropertyTypes'],
  },
  {
    name: 'hey-api',
    generate: (folder: string) =>
      run(
        folder,
        join(INSTALLED, '@hey-api/openapi-ts/bin/run.js'),
        ...['-i', 'openapi.json', '-o', 'generated', '--no-log-file'],
      ),
    strict: STRICT,
  },
]

describe.for(GENERATORS)('a client made by $name', ({ name, generate, strict }) => {
  test('compiles, and does what the guide shows', async ({ server, user }) => {
    const folder = mkdtempSync(join(tmpdir(), 'livebalance-generated-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    symlinkSync(INSTALLED, join(folder, 'node_modules'))
    const description = await fetch(`${server.url}/openapi.json`)
    writeFileSync(join(folder, 'openapi.json'), await description.text())
    expect(await generate(folder)).not.toMatch(/\b(warning|error)/i)

    const write = async (file: string, sub: string) => {
      const code = example(name, server.url, await mintToken({ sub }))
      writeFileSync(join(folder, file), code)
      return code
    }
    const play = async (file: string) => {
      const outfile = join(folder, `${file}.mjs`)
      const entryPoints = [join(folder, file)]
      await build({ entryPoints, outfile, bundle: true, format: 'esm', platform: 'node' })
      await import(/* @vite-ignore */ pathToFileURL(outfile).href)
    }
    const code = await write('rich.ts', user)
    await write('poor.ts', `${user}-without-money`)
    // The types are those of the server: what it would refuse does not compile.
    writeFileSync(join(folder, 'wrong.ts'), code.replace('amount: 50', 'amounts: 50'))
    const complaints = await run(folder, COMPILER, ...strict, ...TARGET, 'rich.ts', 'wrong.ts')
    expect(complaints).toMatch(/^wrong\.ts.*'amounts' does not exist.*\n( .*\n)*$/)
    await server.fund(user, 100)
    const log = vi.spyOn(console, 'log').mockImplementation(() => {})
    onTestFinished(() => log.mockRestore())
    await play('rich.ts')
    await play('poor.ts')
    const id = expect.stringMatching(/^[0-9a-f-]{36}$/)
    expect(log.mock.calls).toEqual([
      ...[
        [id, 'pending'],
        [80, 'USD'],
      ],
      ...[[id, 'pending'], [20], [0, 'USD']],
    ])
  })
})
