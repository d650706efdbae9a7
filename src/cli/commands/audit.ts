import type { Audit } from '../../ledger/audit.ts'
import { Auditor } from '../../ledger/auditor.ts'
import { stringifyJson } from '../../lib/json.ts'
import { connect, type Sql } from '../../postgres/database.ts'
import { auditJson } from '../../routes/audit.ts'
import { CommandFailed, command, type ExitCode } from '../command.ts'
import { ensureCurrent, withDatabases } from '../ledger-database.ts'
import { count, Progress, type Terminal, table } from '../terminal.ts'

export const auditCommand = command({
  name: 'audit',
  summary: 'Prove every wallet, and the ledger as a whole, from the entries',
  details: `Reads DATABASE_URL, which may be a replica or a restored copy that no server uses, or the private Postgres of
DATA_DIR, and those of TENANT_DATABASES. It only reads, has no time limit, and takes one snapshot per 500 wallets, so it disturbs no server.
The exit code is 1 if anything does not add up. GET /transactions/audit does the same for one tenant.`,
  options: {
    tenant: { type: 'string', value: 'name', description: 'Default: all tenants.' },
  },
  async run({ options, json, terminal, config }): Promise<ExitCode> {
    const { tenant: only } = options
    const each = await withDatabases(config, terminal, async ({ appUrl }) => {
      await ensureCurrent(appUrl)
      const sql = connect(appUrl, { max: 4, readOnly: true })
      try {
        return await auditAll(sql, only, terminal)
      } finally {
        await sql.end()
      }
    })
    const audits = each.flat()
    if (only !== undefined && audits.length === 0) {
      throw new CommandFailed('not_found', `there is no tenant ${only} in this database`)
    }
    const sound = audits.every(({ audit }) => isSound(audit))
    if (json) {
      const tenants = audits.map(({ tenant, audit }) => ({ tenant, ...auditJson(audit) }))
      terminal.print(stringifyJson({ sound, tenants }))
    } else {
      terminal.print(report(audits))
    }
    return sound ? 0 : 1
  },
})

interface TenantAudit {
  tenant: string
  audit: Audit
}

async function auditAll(
  sql: Sql,
  only: string | undefined,
  terminal: Terminal,
): Promise<TenantAudit[]> {
  const rows = await sql<{ tenant: string }[]>`
    select distinct tenant from wallets order by tenant`
  const tenants = rows
    .map(({ tenant }) => tenant)
    .filter((tenant) => [tenant, undefined].includes(only))
  const auditor = new Auditor(sql)
  const audits: TenantAudit[] = []
  for (const tenant of tenants) {
    const progress = new Progress(terminal, `Auditing ${tenant}`)
    const audit = await auditor.audit(tenant, (done, of) => progress.show(done, of))
    progress.end()
    audits.push({ tenant, audit })
  }
  return audits
}

function isSound({ inaccurate, discrepancies, ledger }: Audit): boolean {
  const balanced = ledger.every(({ debits, credits }) => debits === credits)
  return inaccurate === 0 && discrepancies.length === 0 && balanced
}

function report(audits: TenantAudit[]): string {
  if (audits.length === 0) return 'There is no wallet yet: nothing to prove.'
  const summary = table(
    ['TENANT', 'WALLETS', 'WRONG', 'ENTRIES', 'VERDICT'],
    audits.map(({ tenant, audit }) => [
      tenant,
      count(audit.total),
      count(audit.inaccurate),
      count(audit.entries),
      isSound(audit) ? 'sound' : 'NOT SOUND',
    ]),
    [1, 2, 3],
  )
  const wrong = audits.flatMap(({ tenant, audit }) =>
    auditJson(audit).discrepancies.map((found) => [
      tenant,
      found.userId ?? '',
      found.currency ?? '',
      String(found.snapshotBalance ?? ''),
      String(found.calculatedBalance ?? ''),
      found.problem,
      found.at ?? '',
    ]),
  )
  if (wrong.length === 0) return summary
  const headings = ['TENANT', 'USER', 'CURRENCY', 'SNAPSHOT', 'FROM ENTRIES', 'PROBLEM', 'AT']
  return `${summary}\n\n${table(headings, wrong, [3, 4])}`
}
