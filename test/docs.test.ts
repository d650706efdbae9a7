import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { GENERATED } from '../scripts/docs.ts'

test.each(Object.entries(GENERATED))(
  '%s says what the code does (npm run docs writes it)',
  async (path, make) => {
    const committed = readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
    expect(committed).toBe(await make())
  },
)

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

const ROOT = join(import.meta.dirname, '..')
const PAGES = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true })
    .map((name) => `docs/${name}`)
    .filter((name) => name.endsWith('.md')),
]

test.each(PAGES)('%s has no link that leads nowhere', (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8')
  for (const [, target = ''] of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)) {
    expect([target, existsSync(join(ROOT, dirname(page), target))]).toEqual([target, true])
  }
})
