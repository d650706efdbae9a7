import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { bundleServer } from '../../scripts/bundle-server.ts'
import { CompiledBundle } from '../../src/code-cache.ts'
import { eventually } from '../environment/index.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')

let work: string

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'livebalance-launch-'))
})
afterAll(() => rm(work, { recursive: true, force: true }))

describe('a bundle and its code cache', () => {
  const require = createRequire(import.meta.url)
  const answer = (bundle: CompiledBundle) =>
    (bundle.evaluate(work, require) as { answer: () => number }).answer()

  async function bundleOf(name: string, text: string): Promise<string> {
    const file = join(work, `${name}.cjs`)
    await writeFile(file, text)
    return file
  }

  /** The same bundle elsewhere, with its cache: what this process has compiled it knows by the file's name. */
  async function moved(file: string, spoil = (cache: Buffer): Buffer => cache): Promise<string> {
    const cache = new CompiledBundle(file).keep()
    const to = await bundleOf(`${basename(file, '.cjs')}-moved`, await readFile(file, 'utf8'))
    await writeFile(cache.replace(file, to), spoil(await readFile(cache)))
    return to
  }

  test('without a cache it is compiled, with one it is taken from there', async () => {
    const file = await bundleOf('plain', 'exports.answer = () => 42')
    const plain = new CompiledBundle(file)
    expect([plain.cached, answer(plain)]).toEqual([false, 42])
    const cached = new CompiledBundle(await moved(file))
    expect([cached.cached, answer(cached)]).toEqual([true, 42])
  })

  test('a text that has changed is never answered for by the cache of the old one', async () => {
    const file = await moved(await bundleOf('changed', 'exports.answer = () => 1'))
    // As long as before, which is all that V8 itself compares.
    await writeFile(file, 'exports.answer = () => 2')
    const changed = new CompiledBundle(file)
    expect([changed.cached, answer(changed)]).toEqual([false, 2])
  })

  test.each([
    ['of something else', () => Buffer.from('no code')],
    ['cut short', (cache: Buffer) => cache.subarray(0, cache.length / 2)],
    // The second word of its head is V8's version.
    ['of another V8', (cache: Buffer) => Buffer.from(cache).fill(7, 4, 8)],
  ])('a cache %s is refused, and the text compiled', async (what, spoil) => {
    const file = await moved(await bundleOf(what, `exports.answer = () => 42 // ${what}`), spoil)
    const spoiled = new CompiledBundle(file)
    expect([spoiled.cached, answer(spoiled)]).toEqual([false, 42])
  })
})

describe('the built server', () => {
  let out: string

  beforeAll(async () => {
    out = join(work, 'built')
    await bundleServer(out)
  }, 120_000)

  const caches = async () =>
    (await readdir(join(out, 'src'))).filter((name) => name.endsWith('.cache'))

  /** As far as its first complaint: from there on it is the server that speaks. */
  const starts = async (program: string, flags: string[] = []) => {
    const env = { PATH: process.env.PATH, PORT: 'none' }
    const failure = run(process.execPath, [...flags, join(out, 'src', program)], { env })
    await expect(failure).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^PORT must be a port number$/m),
    })
  }

  test.each([{ flags: [] }, { flags: ['--max-semi-space-size=32', '--no-parallel-scavenge'] }])(
    'comes with a code cache, which this Node takes, started with $flags',
    async ({ flags }) => {
      expect(await caches()).toHaveLength(1)
      const script = `
      await import(${JSON.stringify(join(root, 'src/node-code-cache.ts'))})
      const { CompiledBundle } = await import(${JSON.stringify(join(root, 'src/code-cache.ts'))})
      console.log(new CompiledBundle(${JSON.stringify(join(out, 'src/server.cjs'))}).cached)`
      const args = [...flags, '--import', 'tsx', '--input-type=module', '-e', script]
      const { stdout } = await run(process.execPath, args, { cwd: root })
      expect(stdout).toBe('true\n')
    },
  )

  test.each([
    ['main.cjs', []],
    ['main.js', []],
    ['main.cjs', ['--enable-source-maps']],
  ])('%s %s starts it', starts)

  test('the image starts it', async () => {
    const dockerfile = await readFile(join(root, 'Dockerfile'), 'utf8')
    const [, command = ''] = /^CMD (\[.*\])$/m.exec(dockerfile) ?? []
    const [node, ...args] = JSON.parse(command) as string[]
    expect(node).toBe('node')
    const [, program = ''] = /^src\/(.+)$/.exec(args.at(-1) ?? '') ?? []
    await starts(program, args.slice(0, -1))
  })

  test('without DATABASE_URL it answers from a private Postgres, where that is installed', async () => {
    const dataDir = await mkdtemp(join(inject('runFolder'), 'built-'))
    await chmod(dataDir, 0o711)
    const env = { PATH: process.env.PATH, PORT: '0', DATA_DIR: dataDir }
    const program = join(out, 'src/main.cjs')
    await expect(run(process.execPath, [program], { env })).rejects.toMatchObject({
      stderr: expect.stringContaining('The private Postgres is not installed'),
    })

    await symlink(join(root, 'node_modules'), join(out, 'node_modules'))
    const server = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    onTestFinished(() => void server.kill('SIGKILL'))
    const ended = once(server, 'exit')
    let output = ''
    for (const stream of [server.stdout, server.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    const url = await eventually(
      () => {
        const [, found] = /ready at (http:\S+)/.exec(output) ?? []
        if (found === undefined) throw new Error(`not ready: ${output}`)
        return found
      },
      { timeout: 30_000 },
    )
    const health = await fetch(`${url}/health/ready`)
    expect(health.status).toBe(200)
    server.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  })

  test('starts without the cache, and with one that is not its own', async () => {
    const [cache = ''] = await caches()
    await writeFile(join(out, 'src', cache), 'not of any V8')
    await starts('main.cjs')
    await rm(join(out, 'src', cache))
    await starts('main.cjs')
  })
})
