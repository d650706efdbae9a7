import { readFileSync } from 'node:fs'
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
  const page = (await GENERATED['docs/licences.md']?.()) ?? ''
  const rows = [...page.matchAll(/^\| (\S+) \| \d\S* \| (.*?) \|/gm)]
  expect(rows.length).toBeGreaterThan(20)
  for (const [, name, licence = ''] of rows) {
    expect([name, licence, PERMISSIVE.includes(licence)]).toEqual([name, licence, true])
  }
})
