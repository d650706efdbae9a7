import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SENT } from '../../src/api-docs/events.ts'
import { PACKAGE_ROOT } from '../../src/lib/package-root.ts'

/** What is used of the parser. */
interface AsyncApiParser {
  parse(text: string): Promise<{
    document?: { allMessages(): { all(): { id(): string; examples(): { all(): unknown[] } }[] } }
    diagnostics: { severity: number; code: string; message: string; path: unknown[] }[]
  }>
}

/** Of a diagnostic: 0 is an error, 1 a warning, 2 information. */
const WARNING = 1

test('the official parser of AsyncAPI finds nothing wrong, and every event', async () => {
  const { Parser } = (await import('@asyncapi/parser' as string)) as {
    Parser: new () => AsyncApiParser
  }
  const text = readFileSync(join(PACKAGE_ROOT, 'docs/reference/asyncapi.json'), 'utf8')
  const { document, diagnostics } = await new Parser().parse(text)
  expect(diagnostics.filter(({ severity }) => severity <= WARNING)).toEqual([])
  const names = document
    ?.allMessages()
    .all()
    .map((message) => message.id())
  expect(names).toEqual(expect.arrayContaining(Object.keys(SENT)))
})
