import { randomUUID } from 'node:crypto'
import type { BalanceApi } from '../../client/api.ts'
import { TRANSACTION_STATUSES } from '../../ledger/command.ts'
import { stringifyJson } from '../../lib/json.ts'
import { printable } from '../../lib/printable.ts'
import type { TransactionJson } from '../../routes/transaction-json.ts'
import { CommandFailed, command, UsageError } from '../command.ts'
import { SERVER_NOTE, SERVER_OPTIONS, serverApi, take } from '../server-api.ts'
import { count, Progress, table } from '../terminal.ts'

type Status = (typeof TRANSACTION_STATUSES)[number]

export const listTopups = command({
  name: 'topups list',
  summary: 'List topups: pending ones oldest first, others newest first',
  details: SERVER_NOTE,
  options: {
    ...SERVER_OPTIONS,
    status: {
      type: 'string',
      value: 'status',
      description: `${TRANSACTION_STATUSES.join(', ')} or all. Default: pending.`,
    },
    user: { type: 'string', value: 'id', description: 'Only topups of this user.' },
    order: {
      type: 'string',
      value: 'order',
      description: 'asc for oldest first, desc for newest first.',
    },
    limit: { type: 'string', value: 'n', description: 'The most topups to list. Default: 50.' },
  },
  async run({ options, json, terminal, config }) {
    const { status = 'pending', user, limit = '50' } = options
    if (!['all', ...TRANSACTION_STATUSES].includes(status)) {
      throw new UsageError(`--status is ${TRANSACTION_STATUSES.join(', ')} or all`)
    }
    if (!/^[1-9]\d{0,5}$/.test(limit)) throw new UsageError('--limit is a number from 1 to 999999')
    const { order = status === 'pending' ? 'asc' : 'desc' } = options
    if (!ORDERS.has(order)) throw new UsageError('--order is asc or desc')
    const api = await serverApi(config, options)
    const { items, total } = await list(api, Number(limit), {
      ...(status !== 'all' && { status: status as Status }),
      ...(user !== undefined && { userId: user }),
      order: order as 'asc' | 'desc',
    })
    terminal.print(
      json ? stringifyJson({ items, ...(total !== undefined && { total }) }) : rows(items),
    )
    if (!json && total !== undefined && total > items.length) {
      terminal.note(`${items.length} of ${count(total)}: --limit shows more.`)
    }
    return 0
  },
})

const ORDERS = new Set(['asc', 'desc'])

async function list(
  api: BalanceApi,
  limit: number,
  { status, ...filter }: { status?: Status; userId?: string; order: 'asc' | 'desc' },
): Promise<{ items: TransactionJson[]; total?: number }> {
  const { all, pending } = api.transactions.topup
  const items: TransactionJson[] = []
  let total: number | undefined
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const left = limit - items.length
    const query = {
      ...filter,
      limit: String(Math.min(100, left)),
      ...(cursor !== undefined && { cursor }),
    }
    // The server counts only the pending ones.
    const waiting = status === 'pending' ? await take(pending.$get({ query })) : undefined
    const page =
      waiting ?? (await take(all.$get({ query: { ...query, ...(status && { status }) } })))
    total ??= waiting?.total
    items.push(...page.items)
    cursor = items.length < limit ? page.nextCursor : null
  }
  return { items, ...(total !== undefined && { total }) }
}

function rows(items: readonly TransactionJson[]): string {
  if (items.length === 0) return 'There are none.'
  return table(
    ['ID', 'USER', 'AMOUNT', 'CURRENCY', 'STATUS', 'REQUESTED', 'DESCRIPTION'],
    items.map((item) => [
      item.id,
      item.userId,
      String(item.amount),
      item.currency,
      item.status,
      item.createdAt,
      item.description ?? '',
    ]),
    [2],
  )
}

export const approveTopups = processing('approve', 'success', 'Approve topups: the money is booked')
export const rejectTopups = processing('reject', 'failed', 'Reject topups: no money is booked')

function processing(verb: 'approve' | 'reject', status: 'success' | 'failed', summary: string) {
  return command({
    name: `topups ${verb}`,
    args: '<id>...',
    summary,
    details: `${SERVER_NOTE}
Each topup is processed separately. If one fails, the others are still processed, and the exit code is 1.`,
    options: {
      ...SERVER_OPTIONS,
      notes: { type: 'string', value: 'text', description: 'Stored with the transaction.' },
    },
    async run({ options, args, json, terminal, config }) {
      if (args.length === 0) throw new UsageError('name the topups by their ids')
      const api = await serverApi(config, options)
      const progress = new Progress(terminal, 'Processing')
      const results = []
      for (const id of args) {
        progress.show(results.length, args.length)
        results.push(await decide(api, id, status, options.notes))
      }
      progress.end()
      if (json) terminal.print(stringifyJson({ items: results }))
      else for (const result of results) terminal.print(line(result))
      return results.every((result) => 'transaction' in result) ? 0 : 1
    },
  })
}

type Result =
  | { id: string; transaction: TransactionJson }
  | { id: string; error: { code: string; message: string } }

async function decide(
  api: BalanceApi,
  id: string,
  status: 'success' | 'failed',
  notes: string | undefined,
): Promise<Result> {
  try {
    const transaction = await take(
      api.transactions.topup[':id'].process.$patch(
        {
          param: { id },
          json: { status, ...(notes !== undefined && { adminNotes: notes }) },
        },
        // The same key for every attempt.
        { headers: { 'Idempotency-Key': randomUUID() } },
      ),
    )
    return { id, transaction }
  } catch (error) {
    if (!(error instanceof CommandFailed) || FATAL_CODES.has(error.code)) throw error
    return { id, error: { code: error.code, message: error.message } }
  }
}

/** Errors that would repeat for every topup. */
const FATAL_CODES = new Set(['unreachable', 'unauthorized', 'token_expired', 'forbidden'])

function line(result: Result): string {
  if ('error' in result) return printable(`${result.id}  failed: ${result.error.message}`)
  const { id, userId, amount, currency, status } = result.transaction
  return printable(`${id}  ${status}: ${amount} ${currency} for ${userId}`)
}
