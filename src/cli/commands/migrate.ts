import { migrate } from '../../postgres/migrate.ts'
import { command } from '../command.ts'
import { withDatabases } from '../ledger-database.ts'

export const migrateCommand = command({
  name: 'migrate',
  summary: 'Bring the database up to date',
  details: `Works on DATABASE_URL, as the owner of the tables, or on the private Postgres of DATA_DIR, and on those of
TENANT_DATABASES. Servers do
the same at their start. Run this command if they log in as a user who may not. Running it several times at
once is safe, because only one does the work.`,
  options: {},
  async run({ json, terminal, config }) {
    const all = await withDatabases(
      config,
      terminal,
      async ({ name, ownerUrl, appRole }) => {
        const { applied, newer } = await migrate(ownerUrl, { appRole })
        return { database: name, applied, newer }
      },
      { newDatabase: true },
    )
    const several = all.length > 1
    if (json) {
      const [{ applied, newer } = { applied: [], newer: false }] = all
      terminal.print(JSON.stringify({ applied, newer, ...(several && { databases: all }) }))
      return 0
    }
    for (const { database, applied, newer } of all) {
      const print = (text: string) => terminal.print(several ? `${database}: ${text}` : text)
      if (newer) print('The database is newer than this program and was not changed.')
      else if (applied.length === 0) print('The database is up to date.')
      else for (const name of applied) print(`Applied ${name}`)
    }
    return 0
  },
})
