import { expect, test } from 'vitest'
import { createLogger, readableLine } from '../../src/lib/log.ts'
import { printable } from '../../src/lib/printable.ts'
import { eventually } from '../support/index.ts'

test('no token and no ticket is ever logged, wherever it stands', () => {
  const lines: string[] = []
  const log = createLogger({ logLevel: 'info', production: true }, false, {
    write: (line: string) => void lines.push(line),
  })
  const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl'
  log.info({ url: `/balance/stream?token=${jwt}&lastEventId=a:1` }, 'stream')
  log.info({ headers: { authorization: `Bearer ${jwt}` } }, 'request')
  log.info(`refused GET /balance?ticket=c2VjcmV0LXRpY2tldA HTTP/1.1`)
  log.error(new Error(`bad header Bearer ${jwt}`))
  // As the Redis client says what it could not do.
  const failed = (name: string, ...args: string[]) =>
    Object.assign(new Error('READONLY'), { command: { name, args } })
  log.warn({ err: failed('set', 'livebalance:ticket:lbt_dGlja2V0', '{"userId":"alice"}') })
  log.warn(`no answer to getdel livebalance:ticket:lbt_dGlja2V0`)
  log.warn({ err: new Error('cannot ask https://me:hunter2@id.example.com/jwks') })
  const text = lines.join('')
  expect(lines).toHaveLength(7)
  expect(text).toContain('/balance/stream?token=[redacted]&lastEventId=a:1')
  expect(text).not.toMatch(/eyJ|c2VjcmV0|c2lnbmF0|dGlja2V0|alice|hunter2/)
  for (const line of lines) expect(JSON.parse(line)).toHaveProperty('level')
})

test('an outage that fails every request alike is ten lines a second, and the number of the others', async () => {
  const lines: Record<string, unknown>[] = []
  const log = createLogger({ logLevel: 'info', production: true }, false, {
    write: (line: string) => void lines.push(JSON.parse(line)),
  })
  const fail = (code: string, requestId: number) =>
    log.warn({ err: Object.assign(new Error('away'), { code }), requestId }, 'request failed')
  for (let i = 0; i < 500; i++) fail('ECONNREFUSED', i)
  expect(lines).toHaveLength(10)
  fail('57P03', 500)
  log.info('ready')
  expect(lines).toHaveLength(12)
  await eventually(() => expect(lines).toHaveLength(13))
  expect(lines.at(-1)).toMatchObject({
    level: 'warn',
    notLogged: 490,
    msg: 'equal lines were left out: request failed (ECONNREFUSED)',
  })
  fail('ECONNREFUSED', 501)
  expect(lines.at(-1)).toMatchObject({ requestId: 501 })
})

test('no text in a line of JSON can turn, hide or colour what stands beside it', () => {
  const lines: string[] = []
  const log = createLogger({ logLevel: 'info', production: true }, false, {
    write: (line: string) => void lines.push(line),
  })
  const sub = 'a\u202eeve\u{e0041}\u009b31m\u007f Ñ\u{1f469}'
  log.info({ sub }, `for user ${sub}`)
  expect(lines[0]).toContain('"a\\u202eeve\\udb40\\udc41\\u009b31m\\u007f Ñ\u{1f469}"')
  expect(lines[0]).toMatch(/\}\n$/)
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ sub, msg: `for user ${sub}` })
})

test('on a terminal a line is for a person: time, level, message, the rest, and a stack below', () => {
  const lines: string[] = []
  const log = createLogger({ logLevel: 'info', production: false }, true, {
    write: (line) => void lines.push(readableLine(line)),
  })
  log.info({ url: 'http://localhost:3000', tries: 2 }, 'ready')
  log.error({ err: new Error('no luck') }, 'failed')
  const [first = '', second = ''] = lines
  expect(first).toMatch(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
    /^\d\d:\d\d:\d\d\.\d{3} \u001b\[32mINFO \u001b\[0m ready url=http:\/\/localhost:3000 tries=2\n$/,
  )
  expect(second).toContain('failed\n    Error: no luck\n        at ')
})

/** Whatever moves the cursor, ends a line, hides or turns text. */
const NOT_SHOWN = [
  ...['\n', '\r', '\t', '\u0007', '\u001b[2J', '\u007f', '\u009b31m', '\u0085', '\u2028', '\u2029'],
  ...['\u202e', '\u2066', '\u200f', '\u061c', '\u200b', '\ufeff', '\ud800', '\u{e0041}'],
]

test.each(NOT_SHOWN)('no stranger’s %j reaches a terminal, wherever it stands', (character) => {
  const lines: string[] = []
  const log = createLogger({ logLevel: 'info', production: false }, true, {
    write: (line) => void lines.push(readableLine(line)),
  })
  const text = `a${character}b`
  const error = Object.assign(new Error(text), { stack: `Error: ${text}\n    at here` })
  log.warn({ path: text, [text]: 1, nested: { text: [text] }, err: error }, text)
  const [line = ''] = lines
  const shown = printable(text)
  expect(line.split('\n')).toHaveLength(character === '\n' ? 5 : 4)
  expect(shown).not.toBe(text)
  expect(JSON.parse(`"${shown}"`)).toBe(text)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: our own colours, and the ends of our own lines
  expect(line.replace(/\u001b\[\d+m|\n/g, '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
})

test('a text with spaces is no two fields on a terminal', () => {
  const line = {
    level: 'info',
    time: '2025-11-04T10:30:00.000Z',
    path: '/x status=200',
    status: 404,
  }
  expect(readableLine(JSON.stringify(line))).toMatch(/ path="\/x status=200" status=404\n$/)
})
