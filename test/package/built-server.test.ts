import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { bundleServer } from '../../scripts/bundle-server.ts'
import { eventually } from '../support/index.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')

let work: string

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'livebalance-launch-'))
})
afterAll(() => rm(work, { recursive: true, force: true }))

describe('the built server', () => {
  let out: string

  beforeAll(async () => {
    out = join(work, 'built')
    await bundleServer(out)
  })

  /** As far as its first complaint: from there on it is the server that speaks. */
  const starts = async (program: string, flags: string[] = []) => {
    const env = { PATH: process.env.PATH, PORT: 'none' }
    const failure = run(process.execPath, [...flags, join(out, 'src', program)], { env })
    await expect(failure).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^PORT must be a port number$/m),
    })
  }

  test.each([[[]], [['--enable-source-maps']]])('starts with the flags %s', (flags) =>
    starts('main.js', flags),
  )

  test('has Node keep its compiled code, where Node can', async () => {
    const preload = `import module from 'node:module'
      module.enableCompileCache = () => console.error('the cache is on')`
    const flags = ['--import', `data:text/javascript,${encodeURIComponent(preload)}`]
    const failure = run(process.execPath, [...flags, join(out, 'src/main.js')], {
      env: { PATH: process.env.PATH, PORT: 'none' },
    })
    await expect(failure).rejects.toMatchObject({
      stderr: expect.stringMatching(/^the cache is on$/m),
    })
  })

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
    const program = join(out, 'src/main.js')
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
    const url = await eventually(() => {
      const [, found] = /ready at (http:\S+)/.exec(output) ?? []
      if (found === undefined) throw new Error(`not ready: ${output}`)
      return found
    })
    const health = await fetch(`${url}/health/ready`)
    expect(health.status).toBe(200)
    server.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  })
})
