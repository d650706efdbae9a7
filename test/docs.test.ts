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
