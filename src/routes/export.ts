import type { Context } from 'hono'
import type { Env } from '../http/context.ts'
import { abortStalledDownload, STALLED_DOWNLOAD_TIMEOUT_MS } from '../http/middleware/deadline.ts'
import type { Transaction } from '../ledger/command.ts'
import { toDecimal } from '../ledger/money.ts'
import { stringifyJson } from '../lib/json.ts'
import type { RouteDeps } from './deps.ts'
import { metadataJson, transactionJson } from './transaction-json.ts'

/** The media type of each format. */
export const EXPORT_FORMATS = {
  csv: 'text/csv; charset=utf-8; header=present',
  ndjson: 'application/x-ndjson; charset=utf-8',
} as const

type ExportFormat = keyof typeof EXPORT_FORMATS

/** How the items of a file are written. */
export interface ExportLines<Item> {
  format: ExportFormat
  /** The first line of a CSV, with its line end. */
  header: string
  /** An item with its line end. */
  line: (item: Item) => string
}

/** Transactions as lines. */
export const transactionLines = (format: ExportFormat): ExportLines<Transaction> => ({
  ...{ format, header: csvHeader(), line: lines[format] },
})

/** Answers with a file that is written while it is sent. It is cut off if the client stops reading. */
export async function answerExport<Item>(
  c: Context<Env>,
  {
    stalledDownloadTimeoutMs = STALLED_DOWNLOAD_TIMEOUT_MS,
    log,
  }: Pick<RouteDeps, 'stalledDownloadTimeoutMs' | 'log'>,
  pages: AsyncIterable<Item[]>,
  { name, ...how }: ExportLines<Item> & { name: string },
) {
  const { requestId, headers } = c.var
  const body = await exportStream(pages, how, (error) =>
    log.error({ err: error, requestId }, 'an export failed'),
  )
  abortStalledDownload(c, stalledDownloadTimeoutMs, () =>
    log.info({ requestId }, 'an export was aborted, because its client stopped reading'),
  )
  return c.body(body, 200, {
    ...headers,
    'Content-Type': EXPORT_FORMATS[how.format],
    'Content-Disposition': `attachment; filename="${name}.${how.format}"`,
  })
}

/**
 * Pages of items as one file. A page is read only when the client has received the page before, so
 * neither a long statement nor a slow client takes more memory. Resolves when the first page is read. Until
 * then, a failure can still be answered as an error.
 */
export async function exportStream<Item>(
  pages: AsyncIterable<Item[]>,
  { format, header, line }: ExportLines<Item>,
  onFailure: (error: unknown) => void,
): Promise<ReadableStream<Uint8Array>> {
  const encoder = new TextEncoder()
  const iterator = pages[Symbol.asyncIterator]()
  let next: Promise<IteratorResult<Item[]>> | undefined = Promise.resolve(await iterator.next())
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (format === 'csv') controller.enqueue(encoder.encode(header))
      },
      async pull(controller) {
        try {
          const page = await (next ?? iterator.next())
          next = undefined
          if (page.done) controller.close()
          else controller.enqueue(encoder.encode(page.value.map(line).join('')))
        } catch (error) {
          // The connection breaks, so that nobody takes a part of the statement for the whole.
          onFailure(error)
          controller.error(error)
        }
      },
      async cancel() {
        await iterator.return?.()
      },
    },
    { highWaterMark: 1 },
  )
}

/** The columns in order. Amounts are plain decimals in major units. */
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
  metadata: (t) => {
    const metadata = metadataJson(t)
    return cell(metadata && stringifyJson(metadata))
  },
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

/** The start of a formula in some spreadsheet, after invisible characters and quotes, which spreadsheets skip. */
const FORMULA = /^[\p{C}\p{Z}"]*[=+\-@＝＋－＠]|^[\t\r]/u

/** The end of a cell in a spreadsheet that is set to another separator than the comma, or guesses one. */
const SEPARATOR = /([;\t\n\v\f\r\u0085\u2028\u2029])/

/**
 * A user's text, always in quotes (RFC 4180). A text that a spreadsheet would run as a formula gets an
 * apostrophe in front (OWASP, "CSV Injection"). So does a part of a text: a spreadsheet that splits at
 * semicolons or tabs takes the quotes for text, and makes cells of the parts.
 */
export function cell(text: string | null): string {
  if (text === null) return ''
  const parts = text.split(SEPARATOR)
  const inert = parts.map((part) => (FORMULA.test(part) ? `'${part}` : part)).join('')
  return `"${(FORMULA.test(inert) ? `'${inert}` : inert).replaceAll('"', '""')}"`
}

/** A statement says the same to everybody. */
const A_USER = { isAdmin: false, isService: false }

const lines = {
  csv: csvRow,
  ndjson: (transaction: Transaction) => `${stringifyJson(transactionJson(transaction, A_USER))}\n`,
}
