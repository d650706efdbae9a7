import { connect } from '../../postgres/database.ts'
import { type CommandConfig, CommandFailed, command, type ExitCode } from '../command.ts'
import { ensureCurrent, withDatabase } from '../ledger-database.ts'

const OF_TENANT = {
  tenant: {
    type: 'string',
    value: 'name',
    description: 'Of the database that it lives in (TENANT_DATABASES). Default: of DATABASE_URL.',
  },
} as const

/** The settings with the database of a tenant in place of the main one. */
function placed(config: CommandConfig, tenant: string | undefined): CommandConfig {
  const own = config.tenantDatabases.find(({ tenants }) => tenants.includes(tenant ?? ''))
  return own ? { ...config, databaseUrl: own.url } : config
}

export const showEpoch = command({
  name: 'epoch show',
  summary: 'Print the epoch at the beginning of event ids',
  details: 'Reads DATABASE_URL, or the private Postgres of DATA_DIR.',
  options: OF_TENANT,
  run({ options, json, terminal, config }) {
    return withDatabase<ExitCode>(placed(config, options.tenant), terminal, async ({ appUrl }) => {
      await ensureCurrent(appUrl)
      const sql = connect(appUrl, { max: 1, readOnly: true })
      try {
        const [row] = await sql<{ epoch: string }[]>`select epoch from meta`
        terminal.print(json ? JSON.stringify({ epoch: row?.epoch }) : String(row?.epoch))
        return 0
      } finally {
        await sql.end()
      }
    })
  },
})

export const renewEpoch = command({
  name: 'epoch renew',
  summary: 'Begin a new epoch after a restore, so that no client resumes from an old event id',
  details: `Works on DATABASE_URL, as the owner of the tables, or on the private Postgres of DATA_DIR. For a database
that went back in time: clients that come back get \`balance_initial\` with \`recovered: false\`, and servers
drop the balances cached in Redis. Servers read the epoch at their start, so this fails while one is connected.`,
  options: {
    ...OF_TENANT,
    force: {
      type: 'boolean',
      description: 'Even if servers are connected. Restart them immediately afterwards.',
    },
  },
  run({ options, json, terminal, config }) {
    return withDatabase<ExitCode>(
      placed(config, options.tenant),
      terminal,
      async ({ ownerUrl }) => {
        await ensureCurrent(ownerUrl)
        const sql = connect(ownerUrl, { max: 1 })
        try {
          const [busy] = await sql<{ sessions: number }[]>`
          select count(*)::int as sessions from pg_stat_activity
          where datname = current_database() and application_name = 'livebalance'
            and pid <> pg_backend_pid() and backend_type = 'client backend'`
          if (busy && busy.sessions > 0 && !options.force) {
            throw new CommandFailed(
              'in_use',
              `servers are connected (${busy.sessions} sessions): stop them first, for they keep the old epoch until they end`,
            )
          }
          const [row] = await sql<{ epoch: string }[]>`select renew_epoch() as epoch`
          terminal.print(
            json ? JSON.stringify({ epoch: row?.epoch }) : `The epoch is ${row?.epoch}.`,
          )
          return 0
        } finally {
          await sql.end()
        }
      },
    )
  },
})
