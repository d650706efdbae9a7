import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { keptRuns, OWN_RESULTS, RESULTS } from '../bench/results.ts'
import { GENERATED } from '../scripts/docs.ts'

const ROOT = join(import.meta.dirname, '..')

test.each(Object.entries(GENERATED))(
  '%s says what the code does (npm run docs writes it)',
  async (path, make) => {
    const committed = readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
    expect(committed).toBe(await make())
  },
)

test('a benchmark on anybody’s machine changes no page and no committed file', () => {
  const before = keptRuns().length
  const path = fileURLToPath(OWN_RESULTS)
  // Exit code 0: ignored. A clone without git's folder has no rules to ask.
  const { status } = spawnSync('git', ['check-ignore', '--quiet', path], { cwd: ROOT })
  if (existsSync(join(ROOT, '.git'))) expect(status).toBe(0)
  expect(path).not.toBe(fileURLToPath(RESULTS))
  const kept = existsSync(path) ? readFileSync(path) : undefined
  try {
    appendFileSync(path, '{"at":"2000-01-01T00:00:00Z"}\n')
    expect(keptRuns()).toHaveLength(before)
  } finally {
    if (kept) writeFileSync(path, kept)
    else rmSync(path)
  }
})

/** Licences that ask for nothing but their text: what may be put into a product of any kind. */
const PERMISSIVE = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'Unlicense']

test('every production dependency is under a permissive licence', async () => {
  const page = (await GENERATED['docs/reference/licences.md']?.()) ?? ''
  const rows = [...page.matchAll(/^\| (\S+) \| \d\S* \| (.*?) \|/gm)]
  expect(rows.length).toBeGreaterThan(20)
  for (const [, name, licence = ''] of rows) {
    expect([name, licence, PERMISSIVE.includes(licence)]).toEqual([name, licence, true])
  }
})

const PAGES = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true })
    .map((name) => `docs/${name}`)
    .filter((name) => name.endsWith('.md')),
]

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page: string): string[] {
  const headings = readFileSync(page, 'utf8').matchAll(/^#+ (.+)$/gm)
  return [...headings].map(([, text = '']) =>
    text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

test.each(PAGES)('%s has no link that leads nowhere', (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8')
  for (const [, target = '', anchor] of text.matchAll(
    /\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g,
  )) {
    const path = target === '' ? join(ROOT, page) : join(ROOT, dirname(page), target)
    expect([target, existsSync(path)]).toEqual([target, true])
    if (anchor !== undefined) expect(anchorsOf(path)).toContain(anchor)
  }
})

const UNTRACKED = ['node_modules', '.git', 'dist', 'coverage', '.livebalance']

/** Every file and folder of the repository, a folder with a slash at its end. */
const PATHS = readdirSync(ROOT, { withFileTypes: true }).flatMap((entry) => {
  if (UNTRACKED.includes(entry.name)) return []
  if (!entry.isDirectory()) return [entry.name]
  const inside = readdirSync(join(ROOT, entry.name), { recursive: true, withFileTypes: true })
  return [
    `${entry.name}/`,
    ...inside
      .filter(({ parentPath }) => !parentPath.includes('node_modules'))
      .map((one) => {
        const path = relative(ROOT, join(one.parentPath, one.name)).split(sep).join('/')
        return one.isDirectory() ? `${path}/` : path
      }),
  ]
})
const KNOWN = new Set(PATHS)
const FOLDERS = PATHS.filter((path) => /^[^/]+\/$/.test(path))
const ENDINGS = /\.(tsx?|sql|md|json|ya?ml|svg|css|html|conf)$/

/** Whether the repository has this path. A short form, such as `rules/accept.sql`, is the end of a whole one. */
function exists(path: string): boolean {
  if (KNOWN.has(path) || KNOWN.has(`${path}/`)) return true
  if (FOLDERS.some((folder) => path.startsWith(folder))) return false
  return PATHS.some((known) => known.endsWith(`/${path}`))
}

test.each(PAGES)('%s names no path that does not exist', (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8')
  const named = [...text.matchAll(/`([\w.-]+(?:\/[\w.-]+)*\/?)`/g)]
    .map(([, path = '']) => path)
    .filter((path) => ENDINGS.test(path) || FOLDERS.some((folder) => path.startsWith(folder)))
  expect(named.filter((path) => !exists(path))).toEqual([])
})

const COMMENTED = PATHS.filter((path) =>
  /^(src|sql|web|scripts|deploy|test|bench|examples)\/.*\.(tsx?|sql|ya?ml|conf)$/.test(path),
)

test('no comment and no text of the code names a page or a source file that does not exist', () => {
  const missing = COMMENTED.flatMap((file) => {
    const text = readFileSync(join(ROOT, file), 'utf8')
    const named = text.matchAll(
      /(?<![\w./-])(?:src|sql|docs|scripts|deploy|bench)\/[\w./-]*\.(?:tsx?|sql|md|svg|conf)(?!\w)/g,
    )
    return [...named].flatMap(([path]) => (KNOWN.has(path) ? [] : [`${file}: ${path}`]))
  })
  expect(missing).toEqual([])
})
