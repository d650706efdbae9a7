import type { Transaction } from '../ledger/command.ts'
import { toDecimal } from '../ledger/money.ts'
import { stringifyJson } from '../lib/json.ts'
import { wireMetadata } from './transaction-json.ts'

/** Columns in order, each with what stands in it. Amounts are plain decimals in major units. */
const COLUMNS: Record<string, (transaction: Transaction) => string> = {
  id: (t) => t.id,
  userId: (t) => cell(t.userId),
  type: (t) => t.type,
  amount: (t) => toDecimal(t.amount, t.currency),
  currency: (t) => t.currency,
  status: (t) => t.status,
  description: (t) => cell(t.description),
  adminNotes: (t) => cell(t.adminNotes),
  processedBy: (t) => cell(t.processedBy),
  referenceId: (t) => cell(t.referenceId),
  referenceType: (t) => cell(t.referenceType),
  previousBalance: (t) => decimal(t.previousBalance, t.currency),
  newBalance: (t) => decimal(t.newBalance, t.currency),
  metadata: (t) => cell(t.metadata && stringifyJson(wireMetadata(t))),
  createdAt: (t) => t.createdAt,
  updatedAt: (t) => t.updatedAt,
  refundedAmount: (t) => decimal(t.refundedAmount ?? null, t.currency),
}

const writers = Object.values(COLUMNS)

/** The header row of RFC 4180, with its line end. */
export const csvHeader = () => `${Object.keys(COLUMNS).join(',')}\r\n`

export const csvRow = (transaction: Transaction) =>
  `${writers.map((write) => write(transaction)).join(',')}\r\n`

const decimal = (minor: bigint | null, currency: string) =>
  minor === null ? '' : toDecimal(minor, currency)

/** What begins a formula in some spreadsheet, behind what is not to be seen and quotes that are read away. */
const FORMULA = /^[\p{C}\p{Z}"]*[=+\-@＝＋－＠]|^[\t\r]/u

/** What ends a cell for a spreadsheet that was told, or guesses, another separator than the comma. */
const SEPARATOR = /([;\t\n\v\f\r\u0085\u2028\u2029])/

/**
 * Text that somebody wrote, always in quotes (RFC 4180). What a spreadsheet would run as a formula gets an
 * apostrophe in front (OWASP, "CSV Injection"), also inside a text: one that splits at semicolons or tabs
 * takes the quotes for text, and makes cells of what is between them.
 */
function cell(text: string | null): string {
  if (text === null) return ''
  const parts = text.split(SEPARATOR)
  const inert = parts.map((part) => (FORMULA.test(part) ? `'${part}` : part)).join('')
  return `"${(FORMULA.test(inert) ? `'${inert}` : inert).replaceAll('"', '""')}"`
}
