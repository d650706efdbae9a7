import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { describe, expect, test } from 'vitest'

const SOURCE = join(import.meta.dirname, '../../src')

/** The files directly in `src`: what puts everything together, and the program. */
const ROOTS = ['start', 'main']

/**
 * The folders of `src`, lowest first. A file imports from its own folder and from lower ones, types included.
 * So a change goes one way, from a request to the ledger and from the ledger to a connection.
 */
const LAYERS = [
  'lib',
  'config',
  'postgres',
  'ledger',
  'tenants',
  'auth',
  'rate-limit',
  'realtime',
  'deliveries',
  'providers',
  'http',
  'routes',
  'api-docs',
  'observability',
  'local',
  'workers',
  'start',
  'edge',
  'cli',
  'main',
]

/** The client library is for browsers. It takes nothing from the server but types, which a build removes. */
const CLIENT = 'client'

/** The library for services. It takes parts of the client, and nothing from the server but types. */
const SDK = 'server-sdk'

interface Import {
  from: string
  to: string
  typeOnly: boolean
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => name.split(sep).join('/'))
}

const files = filesIn(SOURCE)

/** Every import of another file of `src`, static, dynamic or of types. */
const imports: Import[] = files.flatMap((from) => {
  const text = readFileSync(join(SOURCE, from), 'utf8')
  const statements = text.matchAll(
    /^(?:import|export)\s+(type\s)?(?:[^'"]*?\sfrom\s+)?'(\.[^']+)'|import\('(\.[^']+)'\)/gm,
  )
  return [...statements].flatMap(([, type, named, dynamic]) => {
    const target = join(SOURCE, dirname(from), named ?? dynamic ?? '')
    const to = relative(SOURCE, target).split(sep).join('/')
    return to.startsWith('..') ? [] : [{ from, to, typeOnly: type !== undefined }]
  })
})

const folderOf = (file: string) => file.slice(0, file.search(/\/|\.ts$/))

test('every file of src is found, and so are its imports', () => {
  expect(files).toContain('main.ts')
  expect(imports).toContainEqual({ from: 'cli/serve.ts', to: 'local/storage.ts', typeOnly: false })
  expect(imports.map(({ to }) => to).filter((to) => !files.includes(to))).toEqual([])
})

test('only the program and the start lie directly in src', () => {
  const loose = files.filter((file) => !file.includes('/'))
  expect(loose.sort()).toEqual(ROOTS.map((name) => `${name}.ts`).sort())
})

test('each folder has its place in the order', () => {
  expect([...new Set(files.map(folderOf))].sort()).toEqual([...LAYERS, CLIENT, SDK].sort())
})

describe('imports go down', () => {
  test.each(LAYERS)('from %s only to lower folders', (folder) => {
    const lower = LAYERS.slice(0, LAYERS.indexOf(folder) + 1)
    // The command line is a client too.
    if (folder === 'cli') lower.push(CLIENT)
    const back = imports
      .filter(({ from, to }) => folderOf(from) === folder && !lower.includes(folderOf(to)))
      .map(({ from, to }) => `${from} → ${to}`)
    expect(back).toEqual([])
  })

  test.each([
    [CLIENT, [CLIENT]],
    [SDK, [SDK, CLIENT]],
  ])('the library in %s imports nothing but types from the server', (library, allowed) => {
    const taken = imports
      .filter(({ from, to }) => folderOf(from) === library && !allowed.includes(folderOf(to)))
      .filter(({ typeOnly }) => !typeOnly)
      .map(({ from, to }) => `${from} → ${to}`)
    expect(taken).toEqual([])
  })

  test('only the command line and the library for services import the client library', () => {
    const users = imports.filter(
      ({ from, to }) => ![CLIENT, SDK, 'cli'].includes(folderOf(from)) && folderOf(to) === CLIENT,
    )
    expect(users).toEqual([])
  })

  test('nothing imports the library for services', () => {
    const users = imports.filter(({ from, to }) => folderOf(from) !== SDK && folderOf(to) === SDK)
    expect(users).toEqual([])
  })
})

test('no files import each other in a circle', () => {
  expect(circles()).toEqual([])
})

/** Groups of files that reach each other (Tarjan's strongly connected components), types included. */
function circles(): string[][] {
  const targets = new Map(
    files.map((file) => [file, imports.filter(({ from }) => from === file).map(({ to }) => to)]),
  )
  const found: string[][] = []
  const order = new Map<string, number>()
  const lowest = new Map<string, number>()
  const path: string[] = []
  const visit = (file: string): void => {
    order.set(file, order.size)
    lowest.set(file, order.size - 1)
    path.push(file)
    for (const next of targets.get(file) ?? []) {
      if (!order.has(next)) visit(next)
      if (path.includes(next)) {
        lowest.set(file, Math.min(lowest.get(file) ?? 0, lowest.get(next) ?? 0))
      }
    }
    if (lowest.get(file) !== order.get(file)) return
    const circle = path.splice(path.indexOf(file))
    if (circle.length > 1) found.push(circle.sort())
  }
  for (const file of files) if (!order.has(file)) visit(file)
  return found
}

test('zod is imported as a namespace, so that the bundle of the server has only what is used of it', () => {
  const others = files.filter((file) =>
    /^import \{.*\} from 'zod'/m.test(readFileSync(join(SOURCE, file), 'utf8')),
  )
  expect(others).toEqual([])
})
