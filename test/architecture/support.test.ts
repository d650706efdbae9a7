import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import pkg from '../../package.json' with { type: 'json' }
import { SUPPORT } from '../../scripts/support.ts'

const ROOT = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const CI = read('.ci/run').split('\n')

const rows = Object.values(SUPPORT)
  .flat()
  .map((row) => [row.what, row] as const)

/** The text of a script of package.json, and of the file that it runs. */
function sourceOf(script: string): string {
  const command = (pkg.scripts as Record<string, string>)[script] ?? ''
  const files = command
    .split(' ')
    .filter((part) => /\.ts$/.test(part) && existsSync(join(ROOT, part)))
  const sources = [command, ...files.map(read)]
  // A script may start vitest with a configuration of its own.
  const configs = sources.join('\n').match(/vitest\.\w+\.config\.ts/g) ?? []
  return [...sources, ...configs.map(read)].join('\n')
}

test.each(rows)(
  'the page of what is supported: "%s" has its test',
  (_, { test: [file, ...cases] }) => {
    expect(existsSync(join(ROOT, file))).toBe(true)
    const text = read(file)
    expect(cases.length).toBeGreaterThan(0)
    expect(cases.filter((name) => !text.includes(name))).toEqual([])
  },
)

test.each(rows)('the page of what is supported: CI runs the test of "%s"', (_, row) => {
  const [file] = row.test
  if (row.command === 'npm test') {
    expect(CI.some((line) => line.endsWith('suite npm test'))).toBe(true)
    return expect(file).toMatch(/^test\/.+\.test\.ts$/)
  }
  const call = row.command.replace('npm run', 'npm run --silent')
  expect(CI.some((line) => line === `check ${call}` || line === `check_twice ${call}`)).toBe(true)
  const [, script = ''] = /^npm run (\S+)/.exec(row.command) ?? []
  const folders = ['*.ts', '*.test.ts'].map((files) => file.replace(/[^/]+$/, files))
  const source = sourceOf(script)
  const runs =
    source.includes(file) ||
    folders.some((folder) => source.includes(folder)) ||
    sourceIs(script, file)
  expect([file, runs]).toEqual([file, true])
})

/** Whether the script is this file: then its cases are names in it. */
function sourceIs(script: string, file: string): boolean {
  return ((pkg.scripts as Record<string, string>)[script] ?? '').split(' ').includes(file)
}
