import { parseConnectionString } from '../../config/connection-string.ts'
import { MAIN_DATABASE } from '../../config/tenant-databases.ts'
import { ConnectionStringError } from '../../config/url-parts.ts'
import { printable } from '../../lib/printable.ts'
import { migrate } from '../../postgres/migrate.ts'
import { cancelMove, type MoveStep, moveTenant, previewMove } from '../../tenants/move.ts'
import { idsMeet } from '../../tenants/move-checks.ts'
import { prepareTarget } from '../../tenants/move-prepare.ts'
import { purgeTenant } from '../../tenants/move-purge.ts'
import { MoveError, type Place, reached } from '../../tenants/move-state.ts'
import { type Call, CommandFailed, command, UsageError } from '../command.ts'
import { count, table } from '../terminal.ts'

const OPTIONS = {
  to: {
    type: 'string',
    value: 'database',
    description:
      'Where to: `main`, the name of a database of TENANT_DATABASES, or a connection string.',
  },
  'dry-run': { type: 'boolean', description: 'Say what would be moved, and change nothing.' },
  prepare: {
    type: 'boolean',
    description: 'Only bring the database of --to up to date, with a range of ids of its own.',
  },
  cancel: {
    type: 'boolean',
    description: 'Give a move up that was stopped before its end: the source takes writes again.',
  },
  purge: {
    type: 'boolean',
    description: 'Remove what the tenant left in databases that it moved away from.',
  },
} as const

type Options = Call<typeof OPTIONS>

export const moveTenantCommand = command({
  name: 'tenants move',
  args: '<id>',
  summary: 'Move a tenant to another database',
  details: `Works on DATABASE_URL and the databases of TENANT_DATABASES, as the owner of the tables. Writes of the tenant get
503 from the beginning of the move until servers have the new TENANT_DATABASES. Its balances stay readable until the
end of the copy. Nobody else waits. If the command is stopped, call it again: it goes on, or begins anew. See
docs/guide/tenants.md.`,
  options: OPTIONS,
  async run(call) {
    const { options, args } = call
    const [tenant, more] = args
    if (tenant === undefined || more !== undefined)
      throw new UsageError('name one tenant by its id')
    const ways = (['dry-run', 'prepare', 'cancel', 'purge'] as const).filter(
      (name) => options[name],
    )
    if (ways.length > 1) throw new UsageError(`--${ways[0]} and --${ways[1]} exclude each other`)
    const [way] = ways
    const { places, to } = placesOf(call)
    if (to === undefined && way !== 'cancel' && way !== 'purge') {
      throw new UsageError('--to is missing: the database to move to')
    }
    const of = { tenant, places }
    try {
      if (way === 'purge') await purge(call, of)
      else if (way === 'cancel') await cancel(call, of)
      else if (way === 'prepare') await prepare(call, places, to ?? '')
      else if (way === 'dry-run') await preview(call, { ...of, to: to ?? '' })
      else await move(call, { ...of, to: to ?? '' })
    } catch (error) {
      if (!(error instanceof MoveError)) throw error
      throw new CommandFailed(error.code, error.message, { cause: error })
    }
    return 0
  },
})

/** The databases that the settings name, and the one of `--to`. */
function placesOf({ config, options }: Pick<Options, 'config' | 'options'>) {
  const { databaseUrl, tenantDatabases } = config
  if (databaseUrl === undefined) {
    throw new UsageError('DATABASE_URL must be set: tenants have databases beside it')
  }
  const places: Place[] = [{ name: MAIN_DATABASE, url: databaseUrl }, ...tenantDatabases]
  const { to } = options
  if (to === undefined) return { places, to }
  const known = places.find(({ name, url }) => [name, url].includes(to))
  if (known) return { places, to: known.name }
  const name = nameIn(to, places)
  return { places: [...places, { name, url: to }], to: name }
}

function nameIn(url: string, places: readonly Place[]): string {
  const names = places.map(({ name }) => name)
  try {
    const { database } = parseConnectionString(url)
    return names.includes(database) ? `${database} of --to` : database
  } catch (error) {
    if (!(error instanceof ConnectionStringError)) throw error
    throw new UsageError(
      `--to is one of ${names.join(', ')}, or a connection string, which ${error.message}`,
    )
  }
}

interface Of {
  tenant: string
  places: readonly Place[]
}

const STEPS: Readonly<Record<Exclude<MoveStep, 'copy'>, string>> = {
  announce: 'Noting the move in the target.',
  fence: 'Stopping writes of the tenant.',
  drain: 'Waiting for its last events to be published.',
  audit: 'Comparing and auditing the copy.',
  commit: 'The target becomes the home.',
  switch: 'Telling the source.',
}

async function move(call: Options, { tenant, places, to }: Of & { to: string }): Promise<void> {
  const { terminal, json, interrupted } = call
  const stopping = new AbortController()
  void interrupted().then(() => stopping.abort(new MoveError('interrupted', 'interrupted')))
  const moved = await moveTenant({
    ...{ tenant, places, to, signal: stopping.signal },
    onStep: (step, name) => terminal.note(step === 'copy' ? `Copying ${name}.` : STEPS[step]),
  })
  if (json) {
    terminal.print(JSON.stringify({ tenant, ...moved }))
    return
  }
  if (!moved.moved) {
    terminal.print(`${printable(tenant)} lives in ${moved.to} already.`)
    return
  }
  if (moved.tables.length > 0) {
    const filled = moved.tables.filter(({ rows }) => rows > 0)
    terminal.print(
      table(
        ['TABLE', 'ROWS'],
        filled.map(({ table, rows }) => [table, count(rows)]),
        [1],
      ),
    )
    for (const { currency, balance, held } of moved.money) {
      terminal.print(`${currency}: ${balance} minor units, ${held} of them held, as in the source`)
    }
  }
  terminal.print(`${printable(tenant)} lives in ${moved.to} now.`)
  terminal.print(nextSteps(tenant, moved.to))
}

function nextSteps(tenant: string, to: string): string {
  const change =
    to === MAIN_DATABASE
      ? `take ${printable(tenant)} out of TENANT_DATABASES`
      : `set TENANT_DATABASES to ${printable(tenant)}=<the connection string of ${to}>, beside what it has`
  return `Now ${change}, and restart all servers, one after the other. Until then
its requests get 503. When all is well, \`livebalance tenants move ${printable(tenant)} --purge\` removes what it left.`
}

async function preview(call: Options, of: Of & { to: string }): Promise<void> {
  const { terminal, json } = call
  const found = await previewMove(of)
  const { from, to, tables, meetingIds, unpublished } = found
  if (json) {
    terminal.print(JSON.stringify({ tenant: of.tenant, ...found }))
  } else if (from === to) {
    terminal.print(`${printable(of.tenant)} lives in ${to} already.`)
  } else {
    const rows = tables.reduce((sum, one) => sum + one.rows, 0)
    const bytes = tables.reduce((sum, one) => sum + one.bytes, 0)
    const filled = tables.filter((one) => one.rows > 0)
    terminal.print(
      table(
        ['TABLE', 'ROWS', 'BYTES'],
        [...filled, { table: 'all', rows, bytes }].map((one) => [
          ...[one.table, count(one.rows), count(one.bytes)],
        ]),
        [1, 2],
      ),
    )
    terminal.print(`From ${from} to ${to}. ${count(unpublished)} commits wait to be published.`)
  }
  if (meetingIds > 0) {
    throw new CommandFailed('ids_meet', idsMeet(of.tenant, { name: to }, meetingIds))
  }
}

async function prepare(
  { terminal, json, config }: Options,
  places: readonly Place[],
  to: string,
): Promise<void> {
  const { url = '' } = places.find(({ name }) => name === to) ?? {}
  const { applied } = await migrate(url, { appRole: config.appRole }).catch((error: unknown) => {
    throw reached(to, error)
  })
  const range = await prepareTarget(places, to)
  if (json) terminal.print(JSON.stringify({ database: to, applied, range }))
  else {
    terminal.print(
      `${to} is up to date. Its new ids are in the range ${range}, which no other has.`,
    )
  }
}

async function cancel({ terminal, json }: Options, of: Of): Promise<void> {
  const { home } = await cancelMove(of)
  if (json) terminal.print(JSON.stringify({ tenant: of.tenant, home }))
  else terminal.print(`${printable(of.tenant)} stays in ${home}, which takes its writes again.`)
}

async function purge({ terminal, json }: Options, of: Of): Promise<void> {
  const purged = await purgeTenant({
    ...of,
    onPurge: (database) => terminal.note(`Removing the rows in ${database}.`),
  })
  if (json) {
    terminal.print(JSON.stringify({ tenant: of.tenant, ...purged }))
    return
  }
  for (const { database, rows } of purged.databases) {
    terminal.print(`${count(rows)} rows of ${printable(of.tenant)} removed from ${database}.`)
  }
}
