import { expect, test } from 'vitest'
import { count, Progress, table } from '../../src/cli/terminal.ts'

function screen() {
  const drawn: (string | null)[] = []
  const terminal = {
    print: () => {},
    note: () => {},
    redraw: (line: string | null) => void drawn.push(line),
  }
  return { terminal, drawn }
}

test('says how far it is and how long it will take, at a pace that eyes follow, and leaves no trace', () => {
  const { terminal, drawn } = screen()
  let now = 0
  const progress = new Progress(terminal, 'Auditing', () => now)
  progress.show(0, 4000)
  now = 50
  progress.show(1, 4000)
  now = 30_000
  progress.show(1000, 4000)
  progress.end()
  expect(drawn).toEqual([
    'Auditing [------------------------] 0 %, 0 of 4,000',
    'Auditing [######------------------] 25 %, 1,000 of 4,000, 2 min left',
    null,
  ])
})

test('where no person looks it draws nothing', () => {
  const { terminal, drawn } = screen()
  const progress = new Progress({ ...terminal, redraw: undefined }, 'Auditing')
  progress.show(1, 2)
  progress.end()
  expect(drawn).toEqual([])
})

test('columns are as wide as their widest cell', () => {
  expect(
    table(
      ['A', 'AMOUNT'],
      [
        ['longer', '1'],
        ['x', count(1234567)],
      ],
      [1],
    ),
  ).toBe('A          AMOUNT\nlonger          1\nx       1,234,567')
})
