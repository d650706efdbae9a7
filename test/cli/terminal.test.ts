import { expect, test } from 'vitest'
import { harmless, table } from '../../src/cli/terminal.ts'

test('nothing that is printed does more than be read, and end its line', () => {
  const printed: (string | null)[] = []
  const write = (text: string | null) => void printed.push(text)
  const terminal = harmless({ print: write, note: write, redraw: write })
  terminal.print('one\ntwo\u001b]0;title\u0007\r')
  terminal.note('\u009b2J\u202e')
  terminal.redraw?.('\u001b[2K')
  terminal.redraw?.(null)
  expect(printed).toEqual([
    'one\ntwo\\u001b]0;title\\u0007\\r',
    '\\u009b2J\\u202e',
    '\\u001b[2K',
    null,
  ])
})

test('what is printed as JSON stays that JSON', () => {
  let printed = ''
  const write = (text: string) => {
    printed += text
  }
  const value = { description: 'a\u0085\u2028\u202e\u200d\u{e0041}\n👩‍👩‍👧' }
  harmless({ print: write, note: write, redraw: undefined }).print(JSON.stringify(value))
  expect(JSON.parse(printed)).toEqual(value)
})

test('a row is a line, whatever is in its cells', () => {
  const rows = [
    ['1', 'a\n2  forged'],
    ['22', '\u001b[2Jb'],
  ]
  expect(table(['ID', 'TEXT'], rows)).toBe(
    ['ID  TEXT', '1   a\\n2  forged', '22  \\u001b[2Jb'].join('\n'),
  )
})
