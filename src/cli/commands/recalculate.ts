import type { BalanceApi } from '../../client/api.ts'
import { stringifyJson } from '../../lib/json.ts'
import { CommandFailed, command, UsageError } from '../command.ts'
import { SERVER_NOTE, SERVER_OPTIONS, serverApi, take } from '../server-api.ts'
import { count, Progress, type Terminal } from '../terminal.ts'

/** Wallets in one call. It takes far less than the timeout of a request. */
const WALLETS_PER_CALL = 1000

export const recalculateCommand = command({
  name: 'recalculate',
  args: '<user> | --all',
  summary: 'Rebuild balances from the entries, refresh the cache and tell the clients',
  details: `${SERVER_NOTE}
The server does the work, so that its cache and its clients get the new balance. With --all, a wallet that is
correct is only cached again.`,
  options: {
    ...SERVER_OPTIONS,
    all: { type: 'boolean', description: 'Every wallet of the tenant.' },
    currency: {
      type: 'string',
      value: 'code',
      description: 'The currency of the wallet. Default: that of the server.',
    },
  },
  async run({ options, args, json, terminal, config }) {
    const [userId, more] = args
    if (more !== undefined) throw new UsageError(`one user at a time: ${more}`)
    if ((userId === undefined) === (options.all !== true)) {
      throw new UsageError('name a user, or give --all')
    }
    if (userId === undefined && options.currency !== undefined) {
      throw new UsageError('--currency goes with a user')
    }
    const api = await serverApi(config, options)
    if (userId === undefined) {
      const done = await recalculateAll(api, terminal)
      if (options.tenant !== undefined && done.total === 0) {
        throw new CommandFailed('not_found', `There is no wallet in tenant ${options.tenant}.`)
      }
      const wallets = done.total === 1 ? '1 wallet' : `${count(done.total)} wallets`
      const text = `${wallets}, ${count(done.corrected)} corrected.`
      terminal.print(json ? JSON.stringify(done) : text)
      return 0
    }
    const { currency } = options
    const done = await take(
      api.transactions.recalculate[':userId'].$post({
        param: { userId },
        query: { ...(currency !== undefined && { currency }) },
        json: {},
      }),
    )
    const { previousBalance, newBalance, corrected } = done
    const sum = `${userId}: ${newBalance} ${done.currency}, as it was`
    const text = !corrected
      ? `${sum}.`
      : `${previousBalance}` === `${newBalance}`
        ? `${sum}; what else its snapshot says is corrected.`
        : `${userId}: corrected from ${previousBalance} to ${newBalance} ${done.currency}.`
    terminal.print(json ? stringifyJson(done) : text)
    return 0
  },
})

async function recalculateAll(api: BalanceApi, terminal: Terminal) {
  const progress = new Progress(terminal, 'Recalculating')
  const sum = { total: 0, corrected: 0 }
  try {
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const step = await take(
        api.transactions['recalculate-all'].$post({
          json: { limit: WALLETS_PER_CALL, ...(cursor !== undefined && { cursor }) },
        }),
      )
      sum.total += step.total
      sum.corrected += step.corrected
      progress.show(sum.total, sum.total + step.remaining)
      cursor = step.nextCursor
    }
  } finally {
    progress.end()
  }
  return sum
}
