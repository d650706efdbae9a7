import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { check } from 'recheck'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { parseAst } from 'vitest/node'
import { z } from 'zod'
import { asksForWebSocket } from '../../src/http/declined-upgrade.ts'
import { requestIdOf, validTraceparent } from '../../src/http/middleware/observe.ts'
import * as field from '../../src/http/schemas.ts'
import { toMinor } from '../../src/ledger/money.ts'
import { createLogger, withoutSecrets } from '../../src/lib/log.ts'
import { printable } from '../../src/lib/printable.ts'
import { clientAddress } from '../../src/rate-limit/client-address.ts'
import { csvRow } from '../../src/routes/export.ts'
import { accepted } from '../support/http/stub.ts'

const SRC = join(import.meta.dirname, '../../src')

interface Pattern {
  file: string
  source: string
  flags: string
}

interface Source {
  file: string
  patterns: Pattern[]
  /** Whether it makes regular expressions that are no literals. */
  constructs: boolean
}

const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.tsx?$/.test(file))
  .map(read)

function read(file: string): Source {
  const found: Source = { file, patterns: [], constructs: false }
  visit(parseAst(readFileSync(join(SRC, file), 'utf8'), { lang: 'ts' }))
  return found

  function visit(node: unknown): void {
    if (node === null || typeof node !== 'object') return
    const { type, regex, callee } = node as {
      type?: string
      regex?: { pattern: string; flags: string }
      callee?: { name?: string }
    }
    if (regex) found.patterns.push({ file, source: regex.pattern, flags: regex.flags })
    if (type?.endsWith('Expression') && callee?.name === 'RegExp') found.constructs = true
    for (const child of Object.values(node)) visit(child)
  }
}

/** The regular expressions that a module makes while it is loaded. */
async function constructedBy(file: string): Promise<Pattern[]> {
  const made: Pattern[] = []
  const note = (source: RegExp | string, flags = '') => {
    made.push({ file, source: typeof source === 'string' ? source : source.source, flags })
  }
  vi.resetModules()
  vi.stubGlobal(
    'RegExp',
    new Proxy(RegExp, {
      construct(target, [source, flags]) {
        note(source, flags)
        return new target(source, flags)
      },
      apply(target, _, [source, flags]) {
        note(source, flags)
        return target(source, flags)
      },
    }),
  )
  try {
    await import(pathToFileURL(join(SRC, file)).href)
  } finally {
    vi.unstubAllGlobals()
  }
  return made
}

const ofZod = [z.iso.datetime({ offset: true }), z.iso.date(), z.uuid()].map((schema) => {
  const { source, flags } = (schema._zod.def as { pattern?: RegExp }).pattern as RegExp
  return { file: 'zod', source, flags }
})

const literals = sources.flatMap(({ patterns }) => patterns)

test('the regular expressions are found', () => {
  expect(literals.length).toBeGreaterThan(40)
  expect(literals.map(({ file }) => file)).toContain('lib/log.ts')
})

// By construction of its automaton, not by trying: whoever writes the text also chooses how much of it there is.
test.each([...literals, ...ofZod])(
  '$file: /$source/$flags takes no longer than its text is long',
  async ({ source, flags }) => {
    expect(await check(source, flags, { timeout: 50_000 })).toMatchObject({
      status: 'safe',
      complexity: { type: expect.stringMatching(/^(safe|linear)$/) },
    })
  },
)

test.each(sources.filter(({ constructs }) => constructs))(
  '$file: what it constructs takes no longer either',
  async ({ file }) => {
    const made = await constructedBy(file)
    expect(made).not.toEqual([])
    for (const { source, flags } of made) {
      expect(await check(source, flags, { timeout: 50_000 })).toMatchObject({ status: 'safe' })
    }
  },
)

/** CPU time of this process in µs, the least of several runs: what else the machine does is not in it. */
function cost(work: () => void): number {
  const runs = Array.from({ length: 5 }, () => {
    const before = process.cpuUsage()
    work()
    return process.cpuUsage(before).user
  })
  return Math.min(...runs)
}

describe('eight times the text is about eight times the work, and not sixty-four:', () => {
  const log = createLogger({ logLevel: 'info', production: true }, false, { write: () => {} })
  const from = (name: string) => (text: string) =>
    void clientAddress({ headers: { [name]: text }, socket: { remoteAddress: '::1' } }, 3)
  const transaction = accepted({ op: 'payment', tenant: 'default', actor: 'alice', amount: 1n })

  const readers: Record<string, (text: string) => void> = {
    'the search for secrets': (text) => void withoutSecrets(text),
    'a line of the log': (text) => log.info({ path: text }, 'request'),
    'a text on a terminal': (text) => void printable(text),
    'an address': from('x-forwarded-for'),
    'a trace': (text) => void validTraceparent(text),
    'a request’s id': (text) => void requestIdOf(text),
    'an upgrade': (text) => void asksForWebSocket({ headers: { upgrade: text } } as never),
    'a time': (text) => void field.instant.safeParse(text),
    'an amount': (text) => {
      try {
        toMinor(text, 'USD')
      } catch {}
    },
    'a cell': (text) => void csvRow({ ...transaction, description: text }),
  }
  const units = [
    '://',
    '://:',
    ':',
    'eyJ-',
    'token=',
    ';',
    '\t',
    ' ',
    ',',
    '0',
    '"',
    '=',
    '-',
    '\\',
  ]
  const LENGTH = 4_000

  test.each(Object.entries(readers))('%s', (_, reader) => {
    for (const unit of units) {
      const text = (length: number) => `://${unit.repeat(length / unit.length)}\u0000`
      const [short, long] = [text(LENGTH), text(8 * LENGTH)]
      reader(short)
      const [few, many] = [cost(() => reader(short)), cost(() => reader(long))]
      // Below a tenth of a second there is nothing to compare: a quadratic search takes many.
      expect.soft({ unit, quadratic: many > 100_000 && many > 32 * few }).toEqual({
        unit,
        quadratic: false,
      })
    }
  })
})

test('a long text is logged as far as it is of use, and its secrets not at all', () => {
  const lines: string[] = []
  const log = createLogger({ logLevel: 'info', production: true }, false, {
    write: (line: string) => void lines.push(line),
  })
  onTestFinished(() => log.flush())
  const jwt = `eyJhbGciOiJIUzI1NiJ9.${'x'.repeat(9000)}.c2lnbmF0dXJl`
  log.info({ path: `/${':/'.repeat(8000)}`, nested: { token: jwt, header: `Bearer ${jwt}` } }, jwt)
  log.error({ err: new Error(`/${'a'.repeat(20_000)}`) }, 'failed')
  const [first = '', second = ''] = lines
  expect(first.length).toBeLessThan(8192)
  expect(first).not.toMatch(/eyJ|xxx/)
  expect(JSON.parse(first).path).toMatch(/^\/(:\/)+:?… \(13953 more characters\)$/)
  expect(second.length).toBeLessThan(8192)
  expect(JSON.parse(second)).toMatchObject({ level: 'error', msg: 'failed' })
})
