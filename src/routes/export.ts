import type { Transaction } from '../ledger/command.ts'
import { stringifyJson } from '../lib/json.ts'
import { csvHeader, csvRow } from './csv.ts'
import { toWireTransaction } from './transaction-json.ts'

/** The media type of each format. */
export const EXPORT_FORMATS = {
  csv: 'text/csv; charset=utf-8; header=present',
  ndjson: 'application/x-ndjson; charset=utf-8',
} as const

/**
 * Pages of transactions as one file. A page is read when the client has taken the one before, so memory
 * stays as it is however long the statement and however slow the reader. Resolves with the first page
 * read: until then a failure can still be answered as an error.
 */
export async function exportStream(
  pages: AsyncIterable<Transaction[]>,
  format: keyof typeof EXPORT_FORMATS,
  onBroken: (error: unknown) => void,
): Promise<ReadableStream<Uint8Array>> {
  const encoder = new TextEncoder()
  const iterator = pages[Symbol.asyncIterator]()
  let next: Promise<IteratorResult<Transaction[]>> | undefined = Promise.resolve(
    await iterator.next(),
  )
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (format === 'csv') controller.enqueue(encoder.encode(csvHeader()))
      },
      async pull(controller) {
        try {
          const page = await (next ?? iterator.next())
          next = undefined
          if (page.done) controller.close()
          else controller.enqueue(encoder.encode(page.value.map(lines[format]).join('')))
        } catch (error) {
          // Cut off, so that nobody takes a half of the statement for the whole.
          onBroken(error)
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

const lines = {
  csv: csvRow,
  ndjson: (transaction: Transaction) => `${stringifyJson(toWireTransaction(transaction))}\n`,
}
