import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { csvHeader, csvRow } from '../../src/routes/export.ts'
import { accepted } from '../support/http/stub.ts'

const written = (description: string) =>
  csvHeader() +
  csvRow({
    ...accepted({ op: 'payment', tenant: 'default', actor: 'alice', amount: 1n }),
    description,
    adminNotes: description,
    referenceId: description,
  })

/**
 * The cells of a file as a spreadsheet makes them that splits it at `separator`: quotes count where a cell
 * begins with one, and what stands behind the closing one belongs to the cell.
 */
function cells(file: string, separator: string): string[] {
  const all: string[] = []
  let cell = ''
  let begun = false
  let quoted = false
  for (let i = 0; i < file.length; i++) {
    const character = file[i] as string
    if (quoted) {
      if (character !== '"') cell += character
      else if (file[i + 1] === '"') cell += file[++i]
      else quoted = false
    } else if (character === '"' && !begun) {
      quoted = true
      begun = true
    } else if (character === separator || character === '\n' || character === '\r') {
      all.push(cell)
      cell = ''
      begun = false
    } else {
      cell += character
      begun = true
    }
  }
  return [...all, cell]
}

/** Would be run: spaces and characters that show nothing are read away, and so are empty quotes. */
const isFormula = (cell: string) => /^[\p{C}\p{Z}"]*[=+\-@＝＋－＠]/u.test(cell)

describe.each([
  [',', 'comma'],
  [';', 'semicolon'],
  ['\t', 'tab'],
])('split at %j (%s), no cell of a stranger’s text is a formula', (separator) => {
  test.each([
    ...['=1+1', '+cmd', '-2+3', '@SUM(A1)', '＝1+1', '＋1', '－1', '＠A1'],
    ...['\t=1', '\r=1', ' =1', '\u00a0=1', '\u200b=1', '\u0000=1', '\n=1', '"=1', '""=1'],
    ...["hi;=cmd|' /C calc'!A0", 'hi\t=1', 'hi; =1', 'hi;"=1"', 'hi\n=1', 'hi\r=1', 'hi\r\n@A1'],
    ...['a";=1', '";=1;"', '"\t=1', 'a,=1', '",=1,"', '";+1', ';;=1', '\t\t\t-1', 'x\u2028=1'],
  ])('%j', (description) => {
    expect(cells(written(description), separator).filter(isFormula)).toEqual([])
  })

  test('whatever it is', () => {
    const units = ['=', '-', '＝', ';', '\t', '\r', '\n', ',', '"', "'", ' ', '\u200b', 'a', '1']
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...units) }), (description) => {
        expect(cells(written(description), separator).filter(isFormula)).toEqual([])
      }),
      { numRuns: 500 },
    )
  })
})

test('a text is one cell, as it was written, where no part of it could be a formula', () => {
  const text = 'Lunch, "Da Vinci"; two\nof us, 3-4 pm, a@b.example'
  expect(cells(written(text), ',').filter((cell) => cell === text)).toHaveLength(3)
})

test('every text is in quotes, and nothing that is none', () => {
  const [, row] = written('plain').split('\r\n')
  expect(row).toMatch(
    /^[0-9a-f-]{36},"alice",topup,0.01,USD,pending,"plain","plain",,"plain",,,,,2/,
  )
})
