import { randomUUID } from 'node:crypto'
import type { InferResponseType } from 'hono/client'
import type { BalanceApi } from '../../client/api.ts'
import { stringifyJson } from '../../lib/json.ts'
import { printable } from '../../lib/printable.ts'
import { command, UsageError } from '../command.ts'
import { SERVER_NOTE, SERVER_OPTIONS, serverApi, take } from '../server-api.ts'
import { table } from '../terminal.ts'

type State = InferResponseType<
  BalanceApi['transactions']['wallets'][':userId']['freeze']['$get'],
  200
>

const REASON = {
  reason: {
    type: 'string',
    value: 'text',
    description: 'Kept with the change. Only admins see it.',
  },
} as const

export const freezeCommand = command({
  name: 'freeze',
  args: '<user>',
  summary: 'Freeze a wallet: no money leaves it, or none comes to it',
  details: `${SERVER_NOTE}
Without --debits and --credits it freezes both. It replaces an earlier freeze.`,
  options: {
    ...SERVER_OPTIONS,
    ...REASON,
    debits: { type: 'boolean', description: 'Only money that leaves the wallet.' },
    credits: { type: 'boolean', description: 'Only money that comes to it.' },
    show: { type: 'boolean', description: 'Change nothing: show what is frozen, and what was.' },
  },
  async run({ options, args, json, terminal, config }) {
    const { debits, credits, reason, show } = options
    const userId = oneUser(args)
    if (show && (debits || credits || reason !== undefined)) {
      throw new UsageError('--show goes with no other change')
    }
    const { $get, $post } = (await serverApi(config, options)).transactions.wallets[':userId']
      .freeze
    const state = show
      ? await take<State>($get({ param: { userId } }))
      : await take<State>(
          $post(
            {
              param: { userId },
              json: {
                ...((debits || credits) && { debits: debits === true, credits: credits === true }),
                ...(reason !== undefined && { reason }),
              },
            },
            { headers: { 'Idempotency-Key': randomUUID() } },
          ),
        )
    terminal.print(json ? stringifyJson(state) : text(state, show === true))
    return 0
  },
})

export const unfreezeCommand = command({
  name: 'unfreeze',
  args: '<user>',
  summary: 'Unfreeze a wallet',
  details: SERVER_NOTE,
  options: { ...SERVER_OPTIONS, ...REASON },
  async run({ options, args, json, terminal, config }) {
    const { reason } = options
    const userId = oneUser(args)
    const api = await serverApi(config, options)
    const state = await take<State>(
      api.transactions.wallets[':userId'].freeze.$delete({
        param: { userId },
        query: { ...(reason !== undefined && { reason }) },
      }),
    )
    terminal.print(json ? stringifyJson(state) : text(state, false))
    return 0
  },
})

function oneUser([userId, more]: readonly string[]): string {
  if (userId === undefined) throw new UsageError('name a user')
  if (more !== undefined) throw new UsageError(`one user at a time: ${more}`)
  return userId
}

function text({ userId, debits, credits, history }: State, withHistory: boolean): string {
  const line = printable(`${userId}: ${sides(debits, credits)}`)
  if (!withHistory || history.length === 0) return line
  const rows = history.map((change) => [
    change.changedAt,
    sides(change.debits, change.credits),
    change.changedBy,
    change.reason ?? '',
  ])
  return `${line}\n\n${table(['CHANGED', 'STATE', 'BY', 'REASON'], rows)}`
}

function sides(debits: boolean, credits: boolean): string {
  if (debits && credits) return 'frozen for debits and credits'
  if (debits) return 'frozen for debits'
  return credits ? 'frozen for credits' : 'not frozen'
}
