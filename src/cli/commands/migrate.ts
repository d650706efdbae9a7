import { migrate } from '../../postgres/migrate.ts'
import { command } from '../command.ts'
import { withDatabase } from '../ledger-database.ts'

export const migrateCommand = command({
  name: 'migrate',
  summary: 'Bring the database up to date',
  details: `Works on DATABASE_URL, as the owner of the tables, or on the private Postgres of DATA_DIR. Servers do
the same at their start. Run this command if they log in as a user who may not. Running it several times at
once is safe, because only one does the work.`,
  options: {},
  async run({ json, terminal, config }) {
    const { applied, newer } = await withDatabase(
      config,
      terminal,
      ({ ownerUrl, appRole }) => migrate(ownerUrl, { appRole }),
      { newDatabase: true },
    )
    if (json) terminal.print(JSON.stringify({ applied, newer }))
    else if (newer) terminal.print('The database is newer than this program and was not changed.')
    else if (applied.length === 0) terminal.print('The database is up to date.')
    else for (const name of applied) terminal.print(`Applied ${name}`)
    return 0
  },
})
