import { rebuild } from '../../ledger/rollups.ts'
import { stringifyJson } from '../../lib/json.ts'
import { connect } from '../../postgres/database.ts'
import { CommandFailed, command, type ExitCode, UsageError } from '../command.ts'
import { ensureCurrent, withDatabases } from '../ledger-database.ts'
import { SERVER_NOTE, SERVER_OPTIONS, serverApi, take } from '../server-api.ts'
import { count, Progress, table } from '../terminal.ts'

export const rebuildAnalytics = command({
  name: 'analytics rebuild',
  summary: 'Build the roll-ups anew from the entries, while servers run',
  details: `Reads and writes DATABASE_URL, or the private Postgres of DATA_DIR, and TENANT_DATABASES. Answers come from the current roll-ups until
the new ones are complete. Then they are replaced at once. If it is interrupted, nothing has changed.`,
  options: {},
  async run({ json, terminal, config }): Promise<ExitCode> {
    const began = performance.now()
    const each = await withDatabases(config, terminal, async ({ ownerUrl }) => {
      await ensureCurrent(ownerUrl)
      const sql = connect(ownerUrl, { max: 1 })
      const progress = new Progress(terminal, 'Rolling up')
      let wallets = 0
      try {
        await rebuild(sql, {
          onStep(done, of) {
            wallets = of
            progress.show(done, of)
          },
        })
      } finally {
        progress.end()
        await sql.end()
      }
      return wallets
    })
    const wallets = each.reduce((sum, count) => sum + count, 0)
    const seconds = Math.round((performance.now() - began) / 1000)
    const text = `${wallets === 1 ? '1 wallet' : `${count(wallets)} wallets`} in ${seconds} s.`
    terminal.print(json ? JSON.stringify({ wallets, seconds }) : text)
    return 0
  },
})

export const analyticsCommand = command({
  name: 'analytics',
  summary: 'Show what the users of the tenant did, by hour or day',
  details: SERVER_NOTE,
  options: {
    ...SERVER_OPTIONS,
    from: { type: 'string', value: 'time', description: 'ISO 8601. Default: 30 days ago.' },
    to: { type: 'string', value: 'time', description: 'ISO 8601. Default: now.' },
    bucket: { type: 'string', value: 'size', description: '`hour` or `day`. Default: day.' },
    currency: { type: 'string', value: 'code', description: 'Default: that of the server.' },
    zone: { type: 'string', value: 'name', description: 'An IANA time zone. Default: UTC.' },
    csv: { type: 'boolean', description: 'Print a row for each type and status, as CSV.' },
  },
  async run({ options, json, terminal, config }) {
    const { from, to, bucket, currency, zone, csv } = options
    if (bucket !== undefined && bucket !== 'hour' && bucket !== 'day') {
      throw new UsageError('--bucket is hour or day')
    }
    if (csv && json) throw new UsageError('give --csv or --json')
    const { analytics } = (await serverApi(config, options)).admin
    const query = {
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
      ...(bucket !== undefined && {
        bucket: bucket === 'hour' ? ('hour' as const) : ('day' as const),
      }),
      ...(currency !== undefined && { currency }),
      ...(zone !== undefined && { timeZone: zone }),
    }
    if (csv) {
      const response = await analytics.$get({ query: { ...query, format: 'csv' } })
      if (!response.ok) await take(Promise.resolve(response))
      terminal.print((await response.text()).trimEnd().replaceAll('\r', ''))
      return 0
    }
    const answer = await take(analytics.$get({ query }))
    if (json) {
      terminal.print(stringifyJson(answer))
      return 0
    }
    const rows = answer.items.map(({ from, users, balance, held, types }) => {
      const of = (type: string) =>
        types.find((one) => one.type === type && one.status === 'success')
      return [
        from.slice(0, 16).replace('T', ' '),
        count(users),
        ...['topup', 'booking_payment', 'refund'].map((type) => String(of(type)?.volume ?? 0)),
        String(balance),
        String(held),
      ]
    })
    if (rows.length === 0) throw new CommandFailed('unexpected_answer', 'there is no bucket')
    const head = ['FROM (UTC)', 'USERS', 'TOPUPS', 'PAYMENTS', 'REFUNDS', 'BALANCE', 'HELD']
    terminal.print(table(head, rows, [1, 2, 3, 4, 5, 6]))
    return 0
  },
})
